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

namespace Zava.McpServer.Tools;

/// <summary>Stores, categories and products.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.CatalogRead)]
public sealed class CatalogueTools(TenantDatabase database)
{
    internal const string StoreIdDescription = "Only this store, such as seattle; left out: every store that you may see. list_stores names them.";

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

    public sealed record CategoryList(IReadOnlyList<Category> Categories);

    public sealed record Category(
        string CategoryName,
        [property: Description("Null for a top-level category")] string? Parent,
        string? Description,
        [property: Description("Active products of your stores, those of the sub-categories included")] long Products,
        [property: Description("Of them, those in stock")] long InStock);

    [McpServerTool(Name = "list_categories", Title = "List categories", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("The categories with their sub-categories and how many products each has: the values of category in other tools.")]
    public async Task<CategoryList> ListCategoriesAsync(
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        var context = Caller.Require(user).For("list_categories", store_id);
        return new(await database.QueryAsync(context, new NpgsqlBatchCommand("""
            WITH counted AS MATERIALIZED (
                SELECT category_id, count(*) AS products, count(*) FILTER (WHERE current_stock > 0) AS in_stock
                  FROM retail.products
                 WHERE store_id = ANY ((SELECT coalesce($1, retail.current_store_ids()))::text[]) AND is_active
                 GROUP BY category_id)
            SELECT c.category_name, parent.category_name, c.description, coalesce(sum(n.products), 0)::bigint, coalesce(sum(n.in_stock), 0)::bigint
              FROM retail.product_categories c
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
              LEFT JOIN retail.product_categories below ON below.parent_category_id = c.category_id
              LEFT JOIN counted n ON n.category_id IN (c.category_id, below.category_id)
             WHERE c.is_active
             GROUP BY c.category_id, parent.category_name
             ORDER BY coalesce(parent.category_name, c.category_name), parent.category_name NULLS FIRST, c.category_name
            """) { Parameters = { StoresOf(context) } },
            row => new Category(row.GetString(0), row.GetNullable<string>(1), row.GetNullable<string>(2), row.GetInt64(3), row.GetInt64(4)),
            cancellationToken));
    }

    static NpgsqlParameter StoresOf(TenantContext context) => new()
    {
        Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(),
        NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
    };

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
        RequireOneOf(product_id, sku);
        return await RequireProductAsync(database, Caller.Require(user).For("get_product", store_id), product_id, sku, cancellationToken);
    }

    internal static void RequireOneOf(Guid? productId, string? sku)
    {
        if (productId is null == sku is null)
            throw new McpException("product_id, sku: exactly one of the two must be given.");
    }

    /// <summary>The one product of a context's stores that has an id or a SKU.</summary>
    /// <exception cref="McpException">There is none, or there are several.</exception>
    internal static async Task<Product> RequireProductAsync(
        TenantDatabase database, TenantContext context, Guid? productId, string? sku, CancellationToken cancellationToken) =>
        await ReadProductsAsync(database, context, productId, sku, cancellationToken) switch
        {
            [var one] => one,
            [] => throw new McpException("No product that you may see has this product_id or sku; semantic_search_products finds products by description."),
            var found => throw new McpException($"store_id: several stores have this product: {string.Join(", ", found.Select(p => p.StoreId))}. Name one of them."),
        };

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
                StoresOf(context),
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
