using System.ComponentModel;

namespace Zava.McpServer.Search;

/// <summary>A product that a search found.</summary>
public sealed record ProductMatch(
    string StoreId,
    Guid ProductId,
    string Sku,
    string ProductName,
    string? ProductDescription,
    string? Brand,
    [property: Description("Top-level category")] string? Category,
    string? Subcategory,
    decimal Price,
    [property: Description("ISO 4217 code of the price")] string Currency,
    int CurrentStock,
    [property: Description("Average customer rating, 0 to 5")] decimal? RatingAverage,
    [property: Description("Cosine similarity of the query and the product text, -1 to 1; compare within one answer")] double SimilarityScore,
    [property: Description("True when the embedding model finds unrelated texts as similar as this: probably not what was asked for")] bool IsWeakMatch);
