using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.McpServer.Sales;

namespace Zava.McpServer.Tools;

/// <summary>Reports on sales. What they are made of is in <see cref="Sales"/>.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.SalesRead)]
public sealed class SalesTools(TenantDatabase database, TimeProvider time)
{
    const string StoreIdDescription = "Only this store, such as seattle; left out: all of yours";
    const string PeriodDescription = $"{Period.Forms}. Days of the store; at most 1100";
    const string CategoryDescription = "Category or sub-category, such as Electronics";

    [McpServerTool(Name = "get_sales_summary", Title = "Summarise sales", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Receipts, units, gross and net sales, discounts, returns, tax and average basket of a period, beside the same number of days before it (this_week: the same weekdays of last week) and the change in percent. Totals per currency; group_by adds a row for each part.")]
    public Task<SalesSummary> GetSummaryAsync(
        [Description(PeriodDescription), StringLength(21, MinimumLength = 4)] string period = "last_30_days",
        [Description("Left out: totals only. At most 62 groups"), AllowedValues("day", "week", "month", "hour", "category", "payment", "store", null)] string? group_by = null,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        SalesSummary.AskAsync(
            database, Caller.Require(user).For("get_sales_summary", store_id), new(time, today => Period.Parse(period, today)), group_by, cancellationToken);

    [McpServerTool(Name = "get_top_products", Title = "Rank products by sales", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("The products that lead a period by revenue (after discounts, less returns, before tax), units (sold less returned), margin (revenue less today's cost) or returns (value that came back), each with its share of the total. Every store ranks its own products; limit is per currency.")]
    public Task<TopProducts> GetTopAsync(
        [Description("What to rank by"), AllowedValues("revenue", "units", "margin", "returns")] string by = "revenue",
        [Description(PeriodDescription), StringLength(21, MinimumLength = 4)] string period = "last_30_days",
        [Description(CategoryDescription), StringLength(100, MinimumLength = 1)] string? category = null,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        [Description("How many products at most, 1 to 50"), Range(1, 50)] int limit = 10,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        TopProducts.AskAsync(
            database, Caller.Require(user).For("get_top_products", store_id), new(time, today => Period.Parse(period, today)), by, category, limit, cancellationToken);

    [McpServerTool(Name = "get_sales_trend", Title = "Sales trend and forecast", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Net sales day by day, week by week (from Monday) or month by month, whole intervals only, with how weekdays or months differ and a forecast that says how it was made and how far off it usually is. Reads up to 1100 days.")]
    public Task<SalesTrend> GetTrendAsync(
        [Description("Length of the intervals"), AllowedValues("day", "week", "month")] string interval = "week",
        [Description("How many intervals to forecast at most, 0 to 28; there may be fewer, or none, when the past is short"), Range(0, 28)] int forecast = 7,
        [Description("Last day to read, such as 2026-03-31; left out: yesterday"), StringLength(10, MinimumLength = 10)] string? until = null,
        [Description(CategoryDescription), StringLength(100, MinimumLength = 1)] string? category = null,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        SalesTrend.AskAsync(
            database, Caller.Require(user).For("get_sales_trend", store_id), new(time, today => SalesTrend.Days(until, today)), interval, category, forecast, cancellationToken);

    [McpServerTool(Name = "get_basket_affinity", Title = "What is bought together", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("What is bought on the same receipt as a product (product_id or sku) or category, or with none of these the strongest pairs of the shop: support, confidence and lift, highest lift first. Counts sold lines of sales, no returns or exchanges; each store by itself.")]
    public Task<BasketAffinity> GetAffinityAsync(
        [Description("UUID of a product")] Guid? product_id = null,
        [Description("SKU of a product, such as OSK-104233"), StringLength(50, MinimumLength = 1)] string? sku = null,
        [Description(CategoryDescription), StringLength(100, MinimumLength = 1)] string? category = null,
        [Description("What to pair: products, or their sub-categories, which need fewer sales to tell"), AllowedValues("product", "category")] string level = "product",
        [Description(PeriodDescription), StringLength(21, MinimumLength = 4)] string period = "last_365_days",
        [Description("Leave out what is on fewer receipts together, 1 to 1000: few may be chance"), Range(1, 1000)] int min_receipts = 3,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        [Description("How many rules at most, 1 to 50"), Range(1, 50)] int limit = 10,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        (product_id is null ? 0 : 1) + (sku is null ? 0 : 1) + (category is null ? 0 : 1) > 1
            ? throw new McpException("product_id, sku, category: more than one was given. Allowed: one of them, or none for the whole shop.")
            : BasketAffinity.AskAsync(
                database, Caller.Require(user).For("get_basket_affinity", store_id), new(time, today => Period.Parse(period, today)),
                product_id, sku, category, level, min_receipts, limit, cancellationToken);
}
