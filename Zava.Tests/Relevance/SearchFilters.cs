using Zava.McpServer.Search;

namespace Zava.Tests.Relevance;

/// <summary>Conditions that every result has to meet, beside the query.</summary>
/// <param name="Category">A top-level category or a sub-category.</param>
/// <param name="MinPrice">Inclusive, in the store's currency, like <paramref name="MaxPrice"/>.</param>
/// <param name="MinRating">Inclusive, 0 to 5.</param>
/// <param name="InStock">Only what the store has at least one of.</param>
/// <param name="Tags">Every one of these.</param>
public sealed record SearchFilters(
    string? Category, string? Brand, decimal? MinPrice, decimal? MaxPrice, decimal? MinRating, bool InStock, IReadOnlyList<string> Tags)
{
    public bool Admit(CorpusProduct product) =>
        (Category is null || Category == product.Category || Category == product.Subcategory)
        && (Brand is null || Brand == product.Attributes["brand"])
        && (MinPrice is null || product.Price >= MinPrice)
        && (MaxPrice is null || product.Price <= MaxPrice)
        && (MinRating is null || product.Rating >= MinRating)
        && (!InStock || product.Stock > 0)
        && Tags.All(product.Tags.Contains);

    public ProductFilter AsFilter() => new(Category, Brand, MinPrice, MaxPrice, InStock ? true : null, Tags is [] ? null : [.. Tags], MinRating);
}
