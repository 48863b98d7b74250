namespace Zava.Tests.Relevance;

/// <summary>What a search answered to one query.</summary>
/// <param name="Metrics"><c>null</c> where nothing is relevant, out of the catalogue.</param>
/// <param name="IsWeak">
/// Whether the answer says that the shop probably does not have it: of the first relevant result, or where nothing is relevant of
/// the first result, or there is none.
/// </param>
/// <param name="Found">The results with their grades.</param>
public sealed record QueryOutcome(JudgedQuery Query, RankingMetrics? Metrics, bool IsWeak, IReadOnlyList<(CorpusProduct Product, int Grade, bool IsWeak)> Found);

/// <summary>The outcomes of one search for all judged queries.</summary>
public sealed record RelevanceRun(string Search, IReadOnlyList<QueryOutcome> Outcomes)
{
    public static async Task<RelevanceRun> OfAsync(
        SearchUnderTest search, IReadOnlyList<JudgedQuery> queries, IReadOnlyList<CorpusProduct> products, CancellationToken cancellationToken)
    {
        var byId = products.ToDictionary(product => product.Id);
        var outcomes = new List<QueryOutcome>();
        foreach (var query in queries)
        {
            var hits = await search.FindAsync(query.Text, query.Filters, RankingMetrics.Depth, cancellationToken);
            outcomes.Add(Judge(query, [.. hits.Select(hit => (byId[hit.ProductId], query.GradeOf(byId[hit.ProductId]), hit.IsWeak))], products));
        }
        return new(search.Name, outcomes);
    }

    static QueryOutcome Judge(JudgedQuery query, List<(CorpusProduct Product, int Grade, bool IsWeak)> found, IReadOnlyList<CorpusProduct> products) =>
        query.Class == QueryClass.OutOfCatalogue
            ? new(query, null, found is [] or [{ IsWeak: true }, ..], found)
            : new(
                query,
                RankingMetrics.Of(found.Select(hit => hit.Grade), products.Select(query.GradeOf)),
                found.FirstOrDefault(hit => hit.Grade >= JudgedQuery.Relevant).IsWeak,
                found);

    /// <summary>The means over some classes.</summary>
    public RelevanceScore ScoreOf(params IEnumerable<QueryClass> classes)
    {
        var of = Outcomes.Where(outcome => classes.Contains(outcome.Query.Class)).ToList();
        var weak = of.Average(outcome => outcome.IsWeak ? 1.0 : 0);
        return of[0].Metrics is null
            ? new(of.Count, null, null, null, weak)
            : new(of.Count, of.Average(o => o.Metrics!.Value.Ndcg), of.Average(o => o.Metrics!.Value.Recall), of.Average(o => o.Metrics!.Value.ReciprocalRank), weak);
    }
}

/// <summary>Means over queries.</summary>
/// <param name="Weak">The share of answers marked as weak: wrongly, except out of the catalogue.</param>
public sealed record RelevanceScore(int Queries, double? Ndcg, double? Recall, double? Mrr, double Weak);
