using Microsoft.Extensions.AI;

namespace Zava.Embeddings;

/// <summary>A model and what embeds with it.</summary>
public sealed record EmbeddingProvider(EmbeddingModel Model, IEmbeddingGenerator<string, Embedding<float>> Generator);

/// <summary>The configured models: the one of the section <c>Embeddings</c> and, while models are changed, that of <c>Embeddings:Next</c>.</summary>
public sealed class EmbeddingProviders(EmbeddingProvider current, EmbeddingProvider? next) : IDisposable
{
    public IReadOnlyList<EmbeddingProvider> All { get; } = next is null ? [current] : [current, next];

    // The current one is the container's own.
    public void Dispose() => next?.Generator.Dispose();
}
