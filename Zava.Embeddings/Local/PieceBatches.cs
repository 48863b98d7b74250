namespace Zava.Embeddings;

/// <summary>
/// Puts texts of like length together, so that a batch is hardly padded, and bounds what one batch costs.
/// </summary>
static class PieceBatches
{
    /// <summary>
    /// Pieces of one batch, padding included. Measured from 512 to 4,096: more costs memory and delays a cancellation
    /// and is no faster, because the layers of a larger batch fall out of the processor's cache.
    /// </summary>
    public const int MaxPieces = 1_024;

    /// <returns>Indexes into <paramref name="texts"/>, every one in exactly one batch.</returns>
    public static IEnumerable<IReadOnlyList<int>> Of(IReadOnlyList<IReadOnlyList<int>> texts)
    {
        var batch = new List<int>();
        foreach (var index in Enumerable.Range(0, texts.Count).OrderBy(index => texts[index].Count))
        {
            // In ascending order the newcomer is the longest, so it decides what the whole batch is padded to.
            var width = Math.Max(texts[index].Count, 1);
            if (batch.Count > 0 && (batch.Count + 1) * width > MaxPieces)
            {
                yield return batch;
                batch = [];
            }

            batch.Add(index);
        }

        if (batch.Count > 0) yield return batch;
    }
}
