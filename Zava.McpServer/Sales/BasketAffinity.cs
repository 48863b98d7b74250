using System.ComponentModel;
using ModelContextProtocol;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Sales;

/// <summary>What is bought together: association rules with support and confidence, and their lift.</summary>
/// <remarks>
/// Support and confidence are those of Agrawal, Imieliński &amp; Swami, Mining association rules between sets of items in large
/// databases (SIGMOD 1993); lift is the "interest" of Brin, Motwani, Ullman &amp; Tsur (SIGMOD 1997). A basket is the sold lines
/// of one receipt of type sale: what comes back, or is exchanged, was in a basket before. Rules are of one store each, whose
/// baskets its customers filled from its own shelves.
/// </remarks>
public sealed record BasketAffinity(
    [property: Description("Highest lift first")] IReadOnlyList<AffinityRule> Rules,
    [property: Description("What the rules are counted in")] IReadOnlyList<BasketCount> Baskets,
    IReadOnlyList<SalesPeriod> Periods,
    string? Note)
{
    /// <param name="product">Rules from this product; no more than one of this, <paramref name="sku"/> and <paramref name="category"/>.</param>
    /// <param name="level">product or category: between which things.</param>
    /// <exception cref="McpException">There is no such product or category that the caller may see.</exception>
    internal static async Task<BasketAffinity> AskAsync(
        TenantDatabase database, TenantContext context, StorePeriods periods, Guid? product, string? sku, string? category,
        string level, int fewestReceipts, int limit, CancellationToken cancellationToken)
    {
        var isAnchored = product is not null || sku is not null || category is not null;
        var rows = await database.QueryAsync(context, periods.Command(context, Sql(isAnchored, level), category,
            new() { Value = (object?)product ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
            new() { Value = (object?)sku ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            new() { Value = fewestReceipts }, new() { Value = limit }), Row.Read, cancellationToken);
        if ((product ?? (object?)sku) is not null && rows.All(row => row.Anchor is null))
            throw new McpException("product_id, sku: no product that you may see has it; semantic_search_products finds products by description.");

        var stores = rows.DistinctBy(row => row.Store.StoreId).OrderBy(row => row.Store.StoreId, StringComparer.Ordinal).ToList();
        List<AffinityRule> rules = [.. rows.Select(row => row.Rule).OfType<AffinityRule>()];
        return new(
            rules,
            [.. stores.Select(row => new BasketCount(row.Store.StoreId, row.Baskets, isAnchored ? row.AnchorBaskets : null))],
            periods.Describe(stores.Select(row => row.Store), compared: false),
            stores.All(row => row.Baskets == 0)
                ? periods.Note([.. stores.Select(row => row.Store)], isEmpty: true, "")
                : rules.Count == 0
                ? $"Nothing was bought together on {fewestReceipts} receipts or more: lower min_receipts, widen period, or ask with level category."
                : "A lift of 1 is chance, and with few receipts_both so may be a high one. get_product gives the stock of either.");
    }

    static string Sql(bool isAnchored, string level) => $"""
        {StorePeriods.Asked},
        lines AS (
            SELECT DISTINCT r.store_id, r.transaction_id, {(level == "product" ? "p.product_id" : "p.category_id")} AS item, {(isAnchored
                ? $"coalesce((($11 IS NULL AND $12 IS NULL) OR p.product_id = $11 OR p.sku IN ($12, upper($12))) AND {StorePeriods.IsOfCategory}, FALSE)"
                : "FALSE")} AS is_anchor
            {StorePeriods.ProductLines}
             WHERE NOT r.is_previous AND r.transaction_type = 'sale' AND i.line_type = 'sold'),
        -- Each basket with its items and on how many receipts each of these is: pairs then need no join.
        baskets AS MATERIALIZED (
            SELECT store_id, bool_or(is_anchor) AS has_anchor,
                   array_agg(item ORDER BY item) FILTER (WHERE NOT is_anchor AND item IS NOT NULL) AS items,
                   array_agg(receipts ORDER BY item) FILTER (WHERE NOT is_anchor AND item IS NOT NULL) AS receipts
              FROM (SELECT l.*, count(*) FILTER (WHERE NOT is_anchor) OVER (PARTITION BY store_id, item) AS receipts FROM lines l) AS counted
             GROUP BY store_id, transaction_id),
        totals AS MATERIALIZED (
            SELECT store_id, count(*) AS baskets, count(*) FILTER (WHERE has_anchor) AS anchor_baskets FROM baskets GROUP BY store_id),
        rules AS (
        {(isAnchored ? """
            SELECT b.store_id, NULL AS if_item, y.item AS then_item, count(*) AS both_receipts, NULL::bigint AS if_receipts, y.receipts AS then_receipts
              FROM baskets b, unnest(b.items, b.receipts) AS y (item, receipts)
             WHERE b.has_anchor
             GROUP BY b.store_id, y.item, y.receipts
            """ : """
            -- Each pair once, in the direction of the higher confidence.
            SELECT b.store_id, x.item AS if_item, y.item AS then_item, count(*) AS both_receipts, x.receipts AS if_receipts, y.receipts AS then_receipts
              FROM baskets b, unnest(b.items, b.receipts) AS x (item, receipts), unnest(b.items, b.receipts) AS y (item, receipts)
             WHERE (x.receipts, x.item) < (y.receipts, y.item)
             GROUP BY b.store_id, x.item, y.item, x.receipts, y.receipts
            """)}
            HAVING count(*) >= $13),
        ranked AS MATERIALIZED (
            SELECT r.store_id, r.if_item, r.then_item, r.both_receipts, coalesce(r.if_receipts, s.anchor_baskets) AS if_receipts, r.then_receipts,
                   row_number() OVER (
                       ORDER BY r.both_receipts::numeric * s.baskets / (coalesce(r.if_receipts, s.anchor_baskets) * r.then_receipts) DESC,
                                r.both_receipts DESC, r.store_id, r.if_item, r.then_item) AS place
              FROM rules r
              JOIN totals s ON s.store_id = r.store_id)
        SELECT {StorePeriods.AskedColumns},
               CASE WHEN $11 IS NOT NULL OR $12 IS NOT NULL
                    THEN (SELECT min(p.product_name) FROM retail.products p WHERE p.store_id = a.store_id AND (p.product_id = $11 OR p.sku IN ($12, upper($12))))
                    ELSE (SELECT category_name FROM retail.product_categories WHERE lower(category_name) = lower($10)) END,
               coalesce(b.baskets, 0), coalesce(b.anchor_baskets, 0),
               {(isAnchored ? "NULL, NULL" : level == "product" ? "x.sku, x.product_name" : "NULL, x.category_name")},
               {(level == "product" ? "y.sku, y.product_name" : "NULL, y.category_name")},
               r.both_receipts, r.if_receipts, r.then_receipts
          FROM asked a
          LEFT JOIN totals b ON b.store_id = a.store_id
          LEFT JOIN ranked r ON r.store_id = a.store_id AND r.place <= $14
          {(isAnchored ? "" : NameOf("x", "if_item", level))}
          {NameOf("y", "then_item", level)}
         ORDER BY r.place, a.store_id
        """;

    static string NameOf(string name, string item, string level) => level == "product"
        ? $"LEFT JOIN retail.products {name} ON {name}.store_id = r.store_id AND {name}.product_id = r.{item}"
        : $"LEFT JOIN retail.product_categories {name} ON {name}.category_id = r.{item}";

    /// <param name="Anchor">Name of the product or category that was asked for, where the store has it.</param>
    sealed record Row(AskedStore Store, string? Anchor, long Baskets, long AnchorBaskets, AffinityRule? Rule)
    {
        public static Row Read(NpgsqlDataReader row)
        {
            const int Next = StorePeriods.Columns;
            var (store, anchor, baskets) = (StorePeriods.Read(row), row.GetNullable<string>(Next), row.GetInt64(Next + 1));
            if (row.IsDBNull(Next + 7))
                return new(store, anchor, baskets, row.GetInt64(Next + 2), null);
            var (both, ifs, thens) = (row.GetInt64(Next + 7), row.GetInt64(Next + 8), row.GetInt64(Next + 9));
            return new(store, anchor, baskets, row.GetInt64(Next + 2), new(
                store.StoreId, row.GetNullable<string>(Next + 3), row.GetNullable<string>(Next + 4) ?? anchor!, row.GetNullable<string>(Next + 5), row.GetString(Next + 6),
                both, ifs, thens,
                decimal.Round(100m * both / baskets, 3, MidpointRounding.AwayFromZero),
                decimal.Round(100m * both / ifs, 1, MidpointRounding.AwayFromZero),
                decimal.Round((decimal)both * baskets / ((decimal)ifs * thens), 2, MidpointRounding.AwayFromZero)));
        }
    }
}

/// <summary>Who buys the one also buys the other.</summary>
public sealed record AffinityRule(
    string StoreId,
    [property: Description("Null for a category, and for what was asked for")] string? IfSku,
    string IfBought,
    [property: Description("Null for a category")] string? ThenSku,
    string ThenBought,
    long ReceiptsBoth, long ReceiptsIf, long ReceiptsThen,
    [property: Description("receipts_both in percent of the store's receipts")] decimal SupportPercent,
    [property: Description("receipts_both in percent of receipts_if")] decimal ConfidencePercent,
    [property: Description("Confidence over the share of receipts with then_bought; 1 is chance")] decimal Lift);

/// <summary>How many receipts of a store were looked at.</summary>
public sealed record BasketCount(
    string StoreId, long Receipts,
    [property: Description("Those with the product or category asked for")] long? WithIt);
