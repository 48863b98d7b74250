namespace Zava.Tests.Relevance;

/// <summary>How well the search finds what shoppers mean. A change that makes it worse fails here.</summary>
[Collection(nameof(RelevanceShop))]
public sealed class RelevanceTests(RelevanceShop shop, ITestOutputHelper output)
{
    /// <summary>The least that each class must reach: nDCG@10, Recall@10, MRR; and the share of weak marks, at most, or at least out of the catalogue.</summary>
    static readonly Dictionary<QueryClass, (double Ndcg, double Recall, double Mrr, double Weak)> Gate = new()
    {
        [QueryClass.NoSharedWords] = (.455, .50, .54, .16),
        [QueryClass.Mixed] = (.795, .815, .88, .04),
        [QueryClass.Keyword] = (.95, .975, .975, .01),
        [QueryClass.Typo] = (.86, .855, .89, .01),
        [QueryClass.Sku] = (.99, .99, .99, .01),
        [QueryClass.Filter] = (.915, .95, .99, .06),
        [QueryClass.OutOfCatalogue] = (0, 0, 0, .29),
    };

    [Fact]
    public async Task Every_class_of_queries_is_answered_at_least_as_well_as_before()
    {
        var run = await RelevanceRun.OfAsync(shop.Search, shop.Queries, shop.Products, TestContext.Current.CancellationToken);
        var table = RelevanceReport.Table(run);
        output.WriteLine(table);
        // ./zava test prints the first; the second is for whoever tunes the search.
        await File.WriteAllTextAsync(Path.Combine(AppContext.BaseDirectory, "relevance.txt"), table, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(AppContext.BaseDirectory, "relevance-queries.txt"), RelevanceReport.Queries(run), TestContext.Current.CancellationToken);

        Assert.DoesNotContain(run.Outcomes, outcome => outcome.Found.Any(hit => outcome.Query.Filters?.Admit(hit.Product) == false));
        Assert.Multiple([.. Gate.Select(entry => (Action)(() => AssertAtLeast(entry.Key, entry.Value, run.ScoreOf(entry.Key))))]);
    }

    static void AssertAtLeast(QueryClass name, (double Ndcg, double Recall, double Mrr, double Weak) gate, RelevanceScore score)
    {
        Assert.True(score.Ndcg is null || score.Ndcg >= gate.Ndcg, $"{name}: nDCG@10 is {score.Ndcg:.000}, less than {gate.Ndcg:.000}");
        Assert.True(score.Recall is null || score.Recall >= gate.Recall, $"{name}: Recall@10 is {score.Recall:.000}, less than {gate.Recall:.000}");
        Assert.True(score.Mrr is null || score.Mrr >= gate.Mrr, $"{name}: MRR is {score.Mrr:.000}, less than {gate.Mrr:.000}");
        Assert.True(score.Ndcg is null ? score.Weak >= gate.Weak : score.Weak <= gate.Weak,
            $"{name}: {score.Weak:P1} of the answers are marked weak, and the bound is {gate.Weak:P1}");
    }
}
