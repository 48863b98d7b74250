namespace Zava.Tests.Relevance;

/// <summary>Measures of one ranked list against graded judgements, each from 0 to 1.</summary>
/// <param name="Ndcg">
/// Normalized discounted cumulative gain at 10: the sum of (2^grade - 1) / log2(rank + 1), against that of the best possible list.
/// Järvelin and Kekäläinen, ACM TOIS 20(4), 2002; the exponential gain is that of Burges et al., ICML 2005.
/// </param>
/// <param name="Recall">
/// The share of relevant products among the first 10, of those that can be there: of at most 10. Capped as in BEIR (Thakur et al.,
/// NeurIPS 2021), because no list of 10 could hold all 14 rain jackets.
/// </param>
/// <param name="ReciprocalRank">
/// 1 / rank of the first relevant product, 0 when it is not among the first 10; its mean is the MRR (Voorhees, TREC-8, 1999).
/// </param>
public readonly record struct RankingMetrics(double Ndcg, double Recall, double ReciprocalRank)
{
    public const int Depth = 10;

    /// <param name="ranked">Grades of the results, best result first.</param>
    /// <param name="all">Grades of every product there is, in any order.</param>
    /// <exception cref="ArgumentException">No product is relevant: nothing could be measured.</exception>
    public static RankingMetrics Of(IEnumerable<int> ranked, IEnumerable<int> all)
    {
        int[] first = [.. ranked.Take(Depth)];
        int[] best = [.. all.OrderDescending().Take(Depth)];
        var relevant = best.Count(IsRelevant);
        if (relevant == 0)
            throw new ArgumentException("No product is relevant.", nameof(all));
        return new(
            Gain(first) / Gain(best),
            (double)first.Count(IsRelevant) / relevant,
            Array.FindIndex(first, IsRelevant) is var place and >= 0 ? 1.0 / (place + 1) : 0);
    }

    static bool IsRelevant(int grade) => grade >= JudgedQuery.Relevant;

    static double Gain(int[] grades) => grades.Select((grade, place) => (Math.Pow(2, grade) - 1) / Math.Log2(place + 2)).Sum();
}
