using System.ComponentModel;
using Npgsql;
using Zava.Database;

namespace Zava.McpServer.Sales;

/// <summary>The products that lead by a measure.</summary>
public sealed record TopProducts(
    [property: Description("By currency, best first")] IReadOnlyList<TopProduct> Products,
    [property: Description("What shares are of: all products asked about, including those not listed")] IReadOnlyList<TopTotal> Totals,
    IReadOnlyList<SalesPeriod> Periods,
    string? Note)
{
    /// <summary>What can be ranked by, and its SQL. A product of which nobody knows the cost has no margin.</summary>
    static readonly Dictionary<string, string> Measures = new()
    {
        ["revenue"] = "m.revenue",
        ["units"] = "m.units",
        ["margin"] = "m.margin",
        ["returns"] = "nullif(-m.returns, 0)",
    };

    internal static async Task<TopProducts> AskAsync(
        TenantDatabase database, TenantContext context, StorePeriods periods, string by, string? category, int limit, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            context, periods.Command(context, Sql(by), category, new NpgsqlParameter { Value = limit }), row => Read(row, by), cancellationToken);
        List<AskedStore> stores = [.. rows.Select(row => row.Store).DistinctBy(store => store.StoreId)];
        List<TopProduct> products = [.. rows.Select(row => row.Product).OfType<TopProduct>()];
        return new(
            products,
            [.. rows.Select(row => row.Total).OfType<TopTotal>().Distinct()],
            periods.Describe(stores, compared: false),
            NoteOn(periods, stores, products.Count == 0, by, category));
    }

    static string NoteOn(StorePeriods periods, List<AskedStore> stores, bool isEmpty, string by, string? category) =>
        isEmpty && (category is not null || by is "returns" or "margin") && stores.Any(store => store.LastSale >= periods.Of(store).From)
            ? $"Nothing to rank by {by} in this period{(category is null ? "" : " and category")}; get_sales_summary says what was sold at all."
            : periods.Note(stores, isEmpty, "get_basket_affinity says what is bought with one of these; get_product gives its stock.");

    static string Sql(string by) => $"""
        {StorePeriods.Asked},
        sums AS (
            SELECT r.currency, r.store_id, p.product_id, p.sku, p.product_name, p.category_id, p.cost,
                   sum(CASE i.line_type WHEN 'sold' THEN i.quantity ELSE -i.quantity END) AS units,
                   sum(CASE i.line_type WHEN 'sold' THEN i.total_price ELSE -i.total_price END) AS revenue,
                   -sum(CASE i.line_type WHEN 'sold' THEN 0 ELSE i.total_price END) AS returns
            {StorePeriods.ProductLines}
             WHERE NOT r.is_previous AND {StorePeriods.IsOfCategory}
             GROUP BY r.currency, r.store_id, p.product_id, p.sku, p.product_name, p.category_id, p.cost),
        measured AS (SELECT s.*, s.revenue - s.units * s.cost AS margin FROM sums s),
        ranked AS MATERIALIZED (
            SELECT m.*, sum({Measures[by]}) OVER currencies AS total, count(*) OVER currencies AS products, {Measures[by]} AS measure,
                   row_number() OVER (PARTITION BY m.currency ORDER BY {Measures[by]} DESC, m.revenue DESC, m.store_id, m.sku) AS place
              FROM measured m
             WHERE {Measures[by]} IS NOT NULL
            WINDOW currencies AS (PARTITION BY m.currency))
        SELECT {StorePeriods.AskedColumns}, r.sku, r.product_name, coalesce(parent.category_name, c.category_name), r.units, r.revenue, r.margin, r.returns, r.measure, r.total, r.products
          FROM asked a
          LEFT JOIN ranked r ON r.store_id = a.store_id AND r.place <= $11
          LEFT JOIN retail.product_categories c ON c.category_id = r.category_id
          LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
         ORDER BY a.currency, r.place, a.store_id
        """;

    static (AskedStore Store, TopProduct? Product, TopTotal? Total) Read(NpgsqlDataReader row, string by)
    {
        const int Next = StorePeriods.Columns;
        var store = StorePeriods.Read(row);
        if (row.IsDBNull(Next))
            return (store, null, null);
        var (measure, total) = (row.GetDecimal(Next + 7), row.GetDecimal(Next + 8));
        return (
            store,
            new(store.StoreId, row.GetString(Next), row.GetString(Next + 1), row.GetNullable<string>(Next + 2), store.Currency,
                row.GetInt64(Next + 3), row.GetDecimal(Next + 4), row.GetNullable<decimal?>(Next + 5), row.GetDecimal(Next + 6),
                total > 0 ? decimal.Round(measure / total * 100, 1, MidpointRounding.AwayFromZero) : null),
            new(store.Currency, by, by == "returns" ? -total : total, row.GetInt64(Next + 9)));
    }
}

/// <summary>A product and what it did; amounts before tax.</summary>
public sealed record TopProduct(
    string StoreId, string Sku, string ProductName,
    [property: Description("Top-level category")] string? Category,
    [property: Description("ISO 4217 code of the amounts")] string Currency,
    [property: Description("Sold less returned")] long Units,
    [property: Description("After discounts, less returns")] decimal Revenue,
    [property: Description("revenue - units x today's cost; null when that is not known")] decimal? Margin,
    [property: Description("At the price paid; negative")] decimal Returns,
    [property: Description("Percent of the total of this currency, by what was ranked by; null when that is not above 0")] decimal? SharePercent);

/// <summary>What all products together did.</summary>
public sealed record TopTotal(
    string Currency,
    [property: Description("What was ranked by")] string By,
    decimal Total,
    [property: Description("Number of products in total")] long Products);
