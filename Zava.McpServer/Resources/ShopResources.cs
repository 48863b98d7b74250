using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.McpServer.Sales;
using Zava.McpServer.Tools;

namespace Zava.McpServer.Resources;

/// <summary>What a conversation can have attached: a table, a store, a product, a day's sales; each as the tools answer it, in JSON.</summary>
[McpServerResourceType]
public sealed class ShopResources(TenantDatabase database, TimeProvider time)
{
    public const string Schema = "zava://schema/{table}";
    public const string Store = "zava://stores/{store}";
    public const string Product = "zava://products/{store}/{sku}";
    public const string DailyReport = "zava://reports/daily/{store}/{date}";

    const string Json = "application/json";

    [McpServerResource(UriTemplate = Schema, Name = "schema", Title = "Table schema", MimeType = Json)]
    [Description("Columns, types, keys and meaning of one table that execute_sales_query may read, such as zava://schema/products.")]
    [Authorize(Policy = Scopes.SalesSql)]
    public async Task<ReadResourceResult> ReadSchemaAsync(string table, RequestContext<ReadResourceRequestParams> request, CancellationToken cancellationToken)
    {
        var tables = await SchemaTools.ReadAsync(database, Caller.Require(request.User).For(ResourceFilter.Method, storeId: null), cancellationToken);
        return Result(request, tables.GetValueOrDefault(SchemaTools.Qualified(table)), TimeSpan.FromHours(1));
    }

    [McpServerResource(UriTemplate = Store, Name = "store", Title = "Store", MimeType = Json)]
    [Description("One store: location, time zone, currency and number of active products, such as zava://stores/seattle.")]
    [Authorize(Policy = Scopes.CatalogRead)]
    public async Task<ReadResourceResult> ReadStoreAsync(string store, RequestContext<ReadResourceRequestParams> request, CancellationToken cancellationToken)
    {
        var stores = await CatalogueTools.ReadStoresAsync(database, ResourceFilter.ContextOf(request, store), cancellationToken);
        return Result(request, stores.SingleOrDefault(), TimeSpan.FromMinutes(5));
    }

    [McpServerResource(UriTemplate = Product, Name = "product", Title = "Product", MimeType = Json)]
    [Description("Everything about one product of one store, by its SKU as it is written, such as zava://products/seattle/OSK-104233.")]
    [Authorize(Policy = Scopes.CatalogRead)]
    public async Task<ReadResourceResult> ReadProductAsync(string store, string sku, RequestContext<ReadResourceRequestParams> request, CancellationToken cancellationToken)
    {
        var context = ResourceFilter.ContextOf(request, store);
        // No SKU is longer or has such a character, and PostgreSQL takes no zero character.
        if (sku.Length > 50 || sku.Any(char.IsControl))
            throw new ResourceNotFoundException();
        var products = await CatalogueTools.ReadProductsAsync(database, context, productId: null, sku, cancellationToken);
        return Result(request, products.Find(product => product.Sku == sku), TimeSpan.FromMinutes(1));
    }

    [McpServerResource(UriTemplate = DailyReport, Name = "daily_report", Title = "Sales of a day", MimeType = Json)]
    [Description("Sales of one day in the store's time zone beside the day before, by hour, such as zava://reports/daily/seattle/2026-03-31.")]
    [Authorize(Policy = Scopes.SalesRead)]
    public async Task<ReadResourceResult> ReadDailyReportAsync(string store, string date, RequestContext<ReadResourceRequestParams> request, CancellationToken cancellationToken)
    {
        var context = ResourceFilter.ContextOf(request, store);
        // A day that has begun nowhere on earth (UTC+14) has no report, nor has one of a year that no shop has.
        if (!DateOnly.TryParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            || day.Year < 1990 || day > DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime.AddHours(14)))
            throw new ResourceNotFoundException();
        var periods = new StorePeriods(time, _ => new(day, day, Shift: 1));
        return Result(request, await SalesSummary.AskAsync(database, context, periods, "hour", cancellationToken), TimeSpan.FromMinutes(1));
    }

    // What is in it depends on the caller, so nobody may keep it for another.
    static ReadResourceResult Result<T>(RequestContext<ReadResourceRequestParams> request, T? value, TimeSpan timeToLive) where T : class => new()
    {
        Contents =
        [
            new TextResourceContents
            {
                Uri = request.Params.Uri,
                MimeType = Json,
                Text = JsonSerializer.Serialize(value ?? throw new ResourceNotFoundException(), Extensions.ResultJson),
            },
        ],
        TimeToLive = timeToLive,
        CacheScope = CacheScope.Private,
    };
}
