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
    [property: Description("How well it fits, 0 to 1: the similarity, and more the more words of the query it has; compare within one answer")] double Score,
    [property: Description("Cosine similarity of the meanings, -1 to 1; null when only words were compared")] double? SimilarityScore,
    [property: Description("True when unrelated products score as well: probably not what was asked for")] bool IsWeakMatch);
