namespace Zava.Tests.Relevance;

/// <summary>A query with what it should find.</summary>
/// <param name="Line">Where it is in the file.</param>
public sealed record JudgedQuery(QueryClass Class, string Text, int Line, SearchFilters? Filters, IReadOnlyList<Judgement> Judgements)
{
    /// <summary>From this grade on, a product is an answer to the query.</summary>
    public const int Relevant = 2;

    /// <summary>The best grade that a judgement gives the product; 0 when none does or a filter keeps it out.</summary>
    public int GradeOf(CorpusProduct product) =>
        Filters?.Admit(product) == false
            ? 0
            : Judgements.Where(judgement => judgement.Matches(product)).Select(judgement => judgement.Grade).DefaultIfEmpty().Max();
}

/// <summary>A grade for every product with some attributes, whichever of them a store has.</summary>
/// <param name="Grade">3: exactly what is meant; 2: would satisfy; 1: related.</param>
/// <param name="Attributes">kind, brand, model, color, size or option; or sku, a part of one.</param>
public sealed record Judgement(int Grade, IReadOnlyDictionary<string, string> Attributes)
{
    public bool Matches(CorpusProduct product) => Attributes.All(wanted => wanted.Key == "sku"
        ? product.Sku.Contains(wanted.Value, StringComparison.OrdinalIgnoreCase)
        : product.Attributes.TryGetValue(wanted.Key, out var value) && value == wanted.Value);
}
