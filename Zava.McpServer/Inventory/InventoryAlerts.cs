using System.ComponentModel;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Inventory;

/// <summary>What should be ordered.</summary>
public sealed record InventoryAlerts(
    [property: Description("Most urgent first: out of stock, then by days of cover")] IReadOnlyList<InventoryAlert> Products,
    [property: Description("How many products need an order, including those not listed")] long Alerts,
    [property: Description("Sales are of so many days, up to now")] int SalesDays,
    [property: Description("What to do next")] string Note)
{
    // Like the sales reports, made for tables without statistics: what is large is reached by its key from a CTE that is
    // computed once, and is added up before it is joined.
    const string Sql = """
        WITH asked AS MATERIALIZED (
            SELECT store_id, currency FROM retail.stores WHERE store_id = ANY ((SELECT coalesce($1, retail.current_store_ids()))::text[])),
        lines AS MATERIALIZED (
            SELECT i.store_id, i.product_id, sum(CASE i.line_type WHEN 'sold' THEN i.quantity ELSE -i.quantity END) AS units
              FROM asked a
              JOIN retail.sales_transactions t ON t.store_id = a.store_id AND t.transaction_date >= $2 AND t.transaction_date < $3
              JOIN retail.sales_transaction_items i ON i.store_id = t.store_id AND i.transaction_id = t.transaction_id
             GROUP BY i.store_id, i.product_id),
        shelves AS MATERIALIZED (
            SELECT p.store_id, a.currency, p.sku, p.product_name, p.supplier_name, coalesce(p.current_stock, 0) AS stock, coalesce(p.reorder_point, 0) AS reorder_point,
                   greatest(coalesce(p.maximum_stock, 0) - coalesce(p.current_stock, 0), 0) AS suggested, p.cost, p.product_id
              FROM asked a JOIN retail.products p ON p.store_id = a.store_id AND p.is_active),
        cover AS (
            SELECT s.*, greatest(coalesce(l.units, 0), 0) AS units, CASE WHEN l.units > 0 THEN round(s.stock * $4 / l.units::numeric, 1) END AS days
              FROM shelves s LEFT JOIN lines l ON l.store_id = s.store_id AND l.product_id = s.product_id)
        SELECT store_id, sku, product_name, supplier_name, stock, reorder_point, units, days, suggested, suggested * cost, currency, count(*) OVER ()
          FROM cover
         WHERE stock <= reorder_point OR days < $5
         ORDER BY stock > 0, days NULLS LAST, store_id, sku
         LIMIT $6
        """;

    /// <param name="now">The end of the sales that are counted, UTC.</param>
    /// <param name="salesDays">How many days of sales say how fast a product sells.</param>
    /// <param name="coverDays">Products that last fewer days are listed too, above their reorder point.</param>
    internal static async Task<InventoryAlerts> AskAsync(
        TenantDatabase database, TenantContext context, DateTime now, int salesDays, int coverDays, int limit, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(context, new NpgsqlBatchCommand(Sql)
        {
            Parameters =
            {
                new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = now.AddDays(-salesDays), NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = salesDays },
                new() { Value = coverDays },
                new() { Value = limit },
            },
        }, Read, cancellationToken);
        return new(
            [.. rows.Select(row => row.Alert)], rows is [var (_, all), ..] ? all : 0, salesDays,
            rows.Count == 0
                ? "No product is at its reorder point or about to run out; a higher cover_days looks further ahead."
                : rows[0].All > rows.Count
                    ? "There are more; raise limit, or ask for one store. get_top_products says which of them matter most."
                    : "get_top_products says which of these matter most; get_product gives supplier and price.");
    }

    static (InventoryAlert Alert, long All) Read(NpgsqlDataReader row) => (
        new(row.GetString(0), row.GetString(1), row.GetString(2), row.GetNullable<string>(3), row.GetInt32(4), row.GetInt32(5), row.GetInt64(6),
            row.GetNullable<decimal?>(7), row.GetInt32(8), row.GetNullable<decimal?>(9), row.GetString(10)),
        row.GetInt64(11));
}

/// <summary>A product that should be ordered.</summary>
public sealed record InventoryAlert(
    string StoreId, string Sku, string ProductName, string? SupplierName, int CurrentStock, int ReorderPoint,
    [property: Description("Sold less returned in the days of sales")] long UnitsSold,
    [property: Description("How many days the stock lasts at that pace; null when nothing was sold")] decimal? DaysOfCover,
    [property: Description("Up to the maximum stock")] int SuggestedQuantity,
    [property: Description("suggested_quantity x today's cost; null when that is not known")] decimal? OrderCost,
    [property: Description("ISO 4217 code of the cost")] string Currency);
