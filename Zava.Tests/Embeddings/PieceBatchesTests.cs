using Zava.Embeddings;

namespace Zava.Tests.Embeddings;

public sealed class PieceBatchesTests
{
    // Every length twice, the long ones first.
    static readonly IReadOnlyList<int>[] Texts =
        [.. Enumerable.Range(0, 258).Select(index => new int[128 - index / 2])];

    [Fact]
    public void Every_text_is_in_exactly_one_batch() =>
        Assert.Equal(Enumerable.Range(0, Texts.Length), PieceBatches.Of(Texts).SelectMany(batch => batch).Order());

    [Fact]
    public void No_batch_exceeds_its_bound_padding_included() =>
        Assert.All(PieceBatches.Of(Texts), batch =>
            Assert.InRange(batch.Count * batch.Max(index => Texts[index].Count), 0, PieceBatches.MaxPieces));

    [Fact]
    public void Padding_is_a_small_part_of_mixed_lengths()
    {
        var padded = PieceBatches.Of(Texts).Sum(batch => batch.Count * batch.Max(index => Texts[index].Count));

        Assert.InRange(padded, 0, 1.2 * Texts.Sum(text => text.Count));
    }
}
