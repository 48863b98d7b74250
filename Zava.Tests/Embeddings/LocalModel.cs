using System.Numerics.Tensors;
using Zava.Embeddings;

namespace Zava.Tests.Embeddings;

/// <summary>One loaded encoder for all tests that only read from it.</summary>
public sealed class LocalModel : IDisposable
{
    public UniversalSentenceEncoder Encoder { get; } = new();

    public async Task<float[][]> Embed(params IEnumerable<string> texts)
    {
        var embeddings = await Encoder.GenerateAsync(texts, cancellationToken: TestContext.Current.CancellationToken);
        return [.. embeddings.Select(embedding => embedding.Vector.ToArray())];
    }

    public static float Cosine(float[] left, float[] right) => TensorPrimitives.CosineSimilarity(left, right);

    public void Dispose() => Encoder.Dispose();
}
