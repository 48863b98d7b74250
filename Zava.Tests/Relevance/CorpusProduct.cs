namespace Zava.Tests.Relevance;

/// <summary>What judgements and filters know of a product.</summary>
/// <param name="Attributes">kind, brand, model and color; size and option where the kind has one.</param>
public sealed record CorpusProduct(
    Guid Id, string Sku, string Name, string Category, string Subcategory, decimal Price, decimal Rating, int Stock,
    IReadOnlyList<string> Tags, IReadOnlyDictionary<string, string> Attributes);
