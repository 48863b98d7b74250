namespace Zava.Tests.Relevance;

public sealed class RankingMetricsTests
{
    static readonly int[] All = [0, 1, 3, 2, 0, 3, 0];

    [Fact]
    public void Gains_are_exponential_and_discounted_by_the_logarithm_of_the_rank()
    {
        var metrics = RankingMetrics.Of([0, 3, 2], All);
        // (7 / log2 3 + 3 / log2 4) / (7 + 7 / log2 3 + 3 / log2 4 + 1 / log2 5)
        Assert.Equal(5.916508 / 13.347185, metrics.Ndcg, 1e-6);
        Assert.Equal(2 / 3.0, metrics.Recall);
        Assert.Equal(1 / 2.0, metrics.ReciprocalRank);
    }

    [Fact]
    public void The_best_list_has_one_of_each_and_an_empty_one_nothing()
    {
        Assert.Equal(new(1, 1, 1), RankingMetrics.Of(All.OrderDescending(), All));
        Assert.Equal(new(0, 0, 0), RankingMetrics.Of([], All));
    }

    [Fact]
    public void Only_ten_results_count_and_ten_of_fourteen_are_full_recall()
    {
        var fourteen = Enumerable.Repeat(2, 14).Append(0).ToArray();
        Assert.Equal(new(1, 1, 1), RankingMetrics.Of(fourteen, fourteen));
        Assert.Equal(new(0, 0, 0), RankingMetrics.Of([.. Enumerable.Repeat(0, 10), 3], All));
    }

    [Fact]
    public void What_is_only_related_is_no_answer_and_a_query_without_one_cannot_be_measured()
    {
        Assert.Equal((0, 0), (RankingMetrics.Of([1], All).Recall, RankingMetrics.Of([1], All).ReciprocalRank));
        Assert.Throws<ArgumentException>(() => RankingMetrics.Of([1], [1, 0]));
    }
}
