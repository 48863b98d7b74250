using System.Globalization;
using System.Text;

namespace Zava.Tests.Relevance;

/// <summary>A run as text for people.</summary>
static class RelevanceReport
{
    static readonly QueryClass[] InCatalogue = [.. Enum.GetValues<QueryClass>().Where(c => c != QueryClass.OutOfCatalogue)];

    /// <summary>A row for each class of queries, and one for all that have an answer.</summary>
    public static string Table(RelevanceRun run)
    {
        var table = new StringBuilder()
            .AppendLine(run.Search)
            .AppendLine("class            queries  nDCG@10  Recall@10    MRR   first answer marked weak");
        foreach (var (name, score) in InCatalogue.Select(c => (c.ToString(), run.ScoreOf(c)))
            .Append(("all of these", run.ScoreOf(InCatalogue)))
            .Append((nameof(QueryClass.OutOfCatalogue), run.ScoreOf(QueryClass.OutOfCatalogue))))
            table.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{name,-16} {score.Queries,7} {score.Ndcg,8:.000} {score.Recall,10:.000} {score.Mrr,6:.000}   {score.Weak:P1}{(score.Ndcg is null ? " (should be all)" : " (should be none)")}"));
        return table.ToString();
    }

    /// <summary>Every query, the worst of each class first, with what it found.</summary>
    public static string Queries(RelevanceRun run)
    {
        var text = new StringBuilder();
        foreach (var outcome in run.Outcomes.OrderBy(o => o.Query.Class).ThenBy(o => o.Metrics?.Ndcg ?? (o.IsWeak ? 1 : 0)))
        {
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"{outcome.Query.Class}, line {outcome.Query.Line}: {outcome.Query.Text}  [nDCG {outcome.Metrics?.Ndcg:.000}, recall {outcome.Metrics?.Recall:.000}{(outcome.IsWeak ? ", weak" : "")}]"));
            foreach (var (product, grade, isWeak) in outcome.Found)
                text.AppendLine($"    {grade}{(isWeak ? '?' : ' ')} {product.Attributes["kind"],-28} {product.Name}");
        }
        return text.ToString();
    }
}
