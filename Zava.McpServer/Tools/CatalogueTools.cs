using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.McpServer.Search;

namespace Zava.McpServer.Tools;

/// <summary>Stores and products.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.CatalogRead)]
public sealed class CatalogueTools(TenantDatabase database, ProductSearch search)
{
    const string StoreIdDescription = "Only this store, such as seattle; left out: every store that you may see. list_stores names them.";

    public sealed record StoreList(IReadOnlyList<Store> Stores);

    public sealed record Store(
        string StoreId,
        string StoreName,
        string? StoreLocation,
        [property: Description("flagship, standard or ecommerce")] string? StoreType,
        string? Region,
        [property: Description("IANA time zone of the store's days")] string TimeZone,
        [property: Description("ISO 4217 code of every amount of the store")] string Currency,
        long ActiveProducts);

    [McpServerTool(Name = "list_stores", Title = "List stores", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("The stores that you may see, with their location, time zone, currency and number of active products. Every other tool works within these.")]
    public async Task<StoreList> ListStoresAsync(ClaimsPrincipal? user = null, CancellationToken cancellationToken = default) =>
        new(await ReadStoresAsync(database, Caller.Require(user).For("list_stores", storeId: null), cancellationToken));

    /// <summary>The active stores of a context.</summary>
    internal static Task<List<Store>> ReadStoresAsync(TenantDatabase database, TenantContext context, CancellationToken cancellationToken) =>
        database.QueryAsync(context, new NpgsqlBatchCommand("""
            SELECT store_id, store_name, store_location, store_type, region, time_zone, currency,
                   (SELECT count(*) FROM retail.products p WHERE p.store_id = s.store_id AND p.is_active)
              FROM retail.stores s
             WHERE is_active
             ORDER BY store_id
            """),
            row => new Store(
                row.GetString(0), row.GetString(1), row.GetNullable<string>(2), row.GetNullable<string>(3), row.GetNullable<string>(4),
                row.GetString(5), row.GetString(6), row.GetInt64(7)),
            cancellationToken);

    public sealed record SearchResult(
        [property: Description("Best match first")] IReadOnlyList<ProductMatch> Products,
        [property: Description("What to do next, when there is something to say")] string? Note);

    [McpServerTool(Name = "semantic_search_products", Title = "Search products by meaning", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Finds products by what they are for, in plain English; the words need not be in the product's text. Every store lists its own products, so an article that several stores sell comes once for each. Example: 'something to keep my coffee hot on the train'.")]
    public async Task<SearchResult> SearchAsync(
        [Description("What the customer needs, in plain English"), StringLength(1000, MinimumLength = 1)] string query,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        [Description("How many products at most, 1 to 50"), Range(1, 50)] int limit = 10,
        [Description("Leave out products less similar than this, -1 to 1. Usually left out: is_weak_match marks what is probably wrong"), Range(-1.0, 1.0)] double? min_similarity = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrWhiteSpace(query))
            throw new McpException("query: it is blank. Allowed: 1 to 1000 characters that say what is looked for, such as 'waterproof hiking boots'.");
        var matches = await search.SearchAsync(
            Caller.Require(user).For("semantic_search_products", store_id), query, limit, min_similarity, cancellationToken);
        return new(matches, matches switch
        {
            [] when min_similarity is not null => "No product is that similar; try a lower min_similarity or leave it out.",
            [] => "There are no products to search yet; if the shop has just been set up, its products are still being embedded.",
            [{ IsWeakMatch: true }, ..] => "Nothing is close in meaning: the shop probably does not sell this. Try other words before you offer these.",
            _ => null,
        });
    }

    public sealed record Product(
        string StoreId, Guid ProductId, string Sku, string ProductName, string? ProductDescription,
        [property: Description("Top-level category")] string? Category,
        string? Subcategory, string? Brand, string? Model, string? Color, string? Size, decimal? WeightKg,
        [property: Description("Packed length x width x height")] string? DimensionsCm,
        [property: Description("Shelf price before tax")] decimal Price,
        [property: Description("ISO 4217 code of the price")] string Currency,
        int CurrentStock,
        [property: Description("Stock at or below this level should be reordered")] int ReorderPoint,
        string? SupplierName, bool IsActive, bool IsFeatured,
        [property: Description("Average customer rating, 0 to 5")] decimal? RatingAverage,
        int RatingCount, string[] Tags,
        [property: Description("Last change, UTC")] DateTime UpdatedAt);

    [McpServerTool(Name = "get_product", Title = "Get one product", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Everything about one product, named by product_id or by sku. Give exactly one of the two; semantic_search_products returns both.")]
    public async Task<Product> GetProductAsync(
        [Description("UUID of the product, such as 3f2b8c1e-9a4d-4e6f-8b7a-1c2d3e4f5a6b")] Guid? product_id = null,
        [Description("Stock keeping unit, such as OSK-104233; unique within a store, in capitals or not"), StringLength(50, MinimumLength = 1)] string? sku = null,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        if (product_id is null == sku is null)
            throw new McpException("product_id, sku: exactly one of the two must be given.");
        return await ReadProductsAsync(database, Caller.Require(user).For("get_product", store_id), product_id, sku, cancellationToken) switch
        {
            [var one] => one,
            [] => throw new McpException("No product that you may see has this product_id or sku; semantic_search_products finds products by description."),
            var found => throw new McpException($"store_id: several stores have this product: {string.Join(", ", found.Select(p => p.StoreId))}. Name one of them."),
        };
    }

    /// <summary>The products of a context's stores that have an id, or a SKU as it is written or in capitals.</summary>
    internal static Task<List<Product>> ReadProductsAsync(
        TenantDatabase database, TenantContext context, Guid? productId, string? sku, CancellationToken cancellationToken) =>
        database.QueryAsync(context, new NpgsqlBatchCommand("""
            SELECT p.store_id, p.product_id, p.sku, p.product_name, p.product_description,
                   coalesce(parent.category_name, c.category_name), CASE WHEN parent.category_id IS NOT NULL THEN c.category_name END,
                   p.brand, p.model, p.color, p.size, p.weight_kg, p.dimensions_cm, p.price, s.currency,
                   coalesce(p.current_stock, 0), coalesce(p.reorder_point, 0), p.supplier_name, p.is_active, p.is_featured,
                   p.rating_average, coalesce(p.rating_count, 0), coalesce(p.tags, '{}'), p.updated_at
              FROM retail.products p
              JOIN retail.stores s ON s.store_id = p.store_id
              LEFT JOIN retail.product_categories c ON c.category_id = p.category_id
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
             WHERE (p.product_id = $1 OR p.sku IN ($2, upper($2))) AND p.store_id = ANY (coalesce($3, retail.current_store_ids()))
             ORDER BY p.store_id
            """)
        {
            Parameters =
            {
                new() { Value = (object?)productId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
                new() { Value = (object?)sku ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
            },
        },
        row => new Product(
            row.GetString(0), row.GetGuid(1), row.GetString(2), row.GetString(3), row.GetNullable<string>(4), row.GetNullable<string>(5),
            row.GetNullable<string>(6), row.GetNullable<string>(7), row.GetNullable<string>(8), row.GetNullable<string>(9),
            row.GetNullable<string>(10), row.GetNullable<decimal?>(11), row.GetNullable<string>(12), row.GetDecimal(13), row.GetString(14),
            row.GetInt32(15), row.GetInt32(16), row.GetNullable<string>(17), row.GetBoolean(18), row.GetBoolean(19),
            row.GetNullable<decimal?>(20), row.GetInt32(21), row.GetFieldValue<string[]>(22), row.GetDateTime(23)),
        cancellationToken);
}
