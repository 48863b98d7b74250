using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.McpServer.Search;

namespace Zava.McpServer.Tools;

/// <summary>Finding products.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.CatalogRead)]
public sealed class SearchTools(TenantDatabase database, ProductSearch search)
{
    const string CategoryDescription = "Category or sub-category, such as Electronics; list_categories names them";
    const string BrandDescription = "Brand, in capitals or not";
    const string MinPriceDescription = "Lowest price, in the store's currency";
    const string MaxPriceDescription = "Highest price";
    const string InStockDescription = "true: only what is in stock; false: only what is not";

    public sealed record SearchResult(
        [property: Description("Best match first, unless sorted otherwise")] IReadOnlyList<ProductMatch> Products,
        [property: Description("meaning_and_words, or words: only words were compared, because the embedding service does not answer")] string ComparedBy,
        [property: Description("What to know or do next, when there is something to say")] string? Note);

    [McpServerTool(Name = "semantic_search_products", Title = "Search products by meaning", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Finds products by what they are for, in plain English, or by name, brand or the beginning of a SKU; the words need not be in the product's text. Every store lists its own products, so an article that several stores sell comes once for each. Example: 'something to keep my coffee hot on the train'.")]
    public async Task<SearchResult> SearchAsync(
        [Description("What the customer needs, in plain English"), StringLength(1000, MinimumLength = 1)] string query,
        [Description(CategoryDescription), StringLength(100, MinimumLength = 1)] string? category = null,
        [Description(BrandDescription), StringLength(100, MinimumLength = 1)] string? brand = null,
        [Description(MinPriceDescription), Range(0.0, 99999999.0)] decimal? min_price = null,
        [Description(MaxPriceDescription), Range(0.0, 99999999.0)] decimal? max_price = null,
        [Description(InStockDescription)] bool? in_stock = null,
        [Description("Tags that it must all have, such as camping"), Length(1, 10)] string[]? tags = null,
        [Description("Lowest average rating, 0 to 5"), Range(0.0, 5.0)] decimal? min_rating = null,
        [Description("Order of the matches; any but relevance leaves weak matches out"), AllowedValues("relevance", "price_asc", "price_desc", "rating")] string sort = "relevance",
        [Description(CatalogueTools.StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        [Description("How many products at most, 1 to 50"), Range(1, 50)] int limit = 10,
        [Description("Leave out products less similar than this, -1 to 1. Usually left out: is_weak_match marks what is probably wrong"), Range(-1.0, 1.0)] double? min_similarity = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrWhiteSpace(query))
            throw new McpException("query: it is blank. Allowed: 1 to 1000 characters that say what is looked for, such as 'waterproof hiking boots'.");
        var filter = Filter(category, brand, min_price, max_price, in_stock, tags, min_rating);
        var found = await search.SearchAsync(
            Caller.Require(user).For("semantic_search_products", store_id), query, filter, sort, limit, min_similarity, cancellationToken);
        return new(found.Products, found.ByMeaning ? "meaning_and_words" : "words", Note(found, filter != new ProductFilter(), min_similarity is not null));
    }

    [McpServerTool(Name = "find_similar_products", Title = "Find similar products", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Products like one that you name by product_id or sku: alternatives when it is out of stock, too dear or not quite right. Nearest in meaning first.")]
    public async Task<SearchResult> FindSimilarAsync(
        [Description("UUID of the product")] Guid? product_id = null,
        [Description("Its SKU, such as OSK-104233"), StringLength(50, MinimumLength = 1)] string? sku = null,
        [Description(MinPriceDescription), Range(0.0, 99999999.0)] decimal? min_price = null,
        [Description(MaxPriceDescription), Range(0.0, 99999999.0)] decimal? max_price = null,
        [Description(InStockDescription)] bool? in_stock = null,
        [Description(CatalogueTools.StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        [Description("How many products at most, 1 to 50"), Range(1, 50)] int limit = 10,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        CatalogueTools.RequireOneOf(product_id, sku);
        var filter = Filter(category: null, brand: null, min_price, max_price, in_stock, tags: null, min_rating: null);
        var context = Caller.Require(user).For("find_similar_products", store_id);
        var product = await CatalogueTools.RequireProductAsync(database, context, product_id, sku, cancellationToken);
        var found = await search.FindSimilarAsync(context, product.StoreId, product.ProductId, filter, limit, cancellationToken);
        return new(found, "meaning_and_words", found.Count == 0
            ? filter != new ProductFilter() ? "Nothing passes these filters; leave some out." : "This product is not embedded yet; try again in a minute."
            : null);
    }

    static ProductFilter Filter(string? category, string? brand, decimal? min_price, decimal? max_price, bool? in_stock, string[]? tags, decimal? min_rating) =>
        min_price > max_price
            ? throw new McpException($"min_price: {min_price} is above max_price {max_price}. Allowed: at most max_price.")
            : new(category, brand, min_price, max_price, in_stock, tags, min_rating);

    static string? Note(ProductSearch.Found found, bool filtered, bool bounded)
    {
        var said = found.Products switch
        {
            [] when bounded => "No product is that similar; try a lower min_similarity or leave it out.",
            [] when filtered => "Nothing passes these filters; leave some out. list_categories names categories, get_product shows a product's brand and tags.",
            [] when !found.ByMeaning => "No product has these words; use words that its name may have.",
            [] => "There are no products to search yet; if the shop has just been set up, its products are still being embedded.",
            _ when found.Products.All(product => product.IsWeakMatch) =>
                "Nothing is close in meaning: the shop probably does not sell this. Try other words before you offer these.",
            _ => null,
        };
        var read = found.ReadAs is null ? null : $"Read as: {found.ReadAs}.";
        return read is null || said is null ? read ?? said : $"{read} {said}";
    }
}
