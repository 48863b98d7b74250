using System.Text.Json;

namespace Zava.Tests.Embeddings;

/// <summary>What the original JavaScript implementation answers; eng/embedding-model/golden.mjs writes it.</summary>
/// <param name="Text">The text as a caller would pass it.</param>
/// <param name="Pieces">SentencePiece pieces of the prepared text, before the cut.</param>
/// <param name="Vector">The embedding of the prepared text.</param>
public sealed record GoldenVector(string Text, int Pieces, float[] Vector)
{
    public static IReadOnlyList<GoldenVector> All { get; } = Read();

    static GoldenVector[] Read()
    {
        using var file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Embeddings", "golden-vectors.json"));
        return JsonSerializer.Deserialize<GoldenVector[]>(file, JsonSerializerOptions.Web)!;
    }
}
