namespace Zava.Embeddings;

/// <summary>The model that the configured generator embeds with: vectors of different models cannot be compared.</summary>
/// <param name="Name">As in <c>retail.embedding_models</c>.</param>
/// <param name="Dimensions">Numbers in a vector.</param>
public sealed record EmbeddingModel(string Name, int Dimensions);
