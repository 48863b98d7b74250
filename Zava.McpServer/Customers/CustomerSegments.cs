using System.ComponentModel;
using Npgsql;
using Zava.Database;
using Zava.McpServer.Sales;

namespace Zava.McpServer.Customers;

/// <summary>How a store's customers divide by what they buy, and by loyalty tier. Tells of groups, and of nobody who they are.</summary>
/// <remarks>
/// Recency, frequency and monetary value in fifths of the customers are those of Hughes, Strategic Database Marketing (1994). Where
/// he cuts a sorted list, equal customers share the middle of their places here, so that chance parts nobody: of customers who
/// all bought once, none is among the rarest. The names are a convention of the trade; which scores each stands for
/// is in <see cref="Segments"/>. A purchase is a receipt of type sale: an exchange belongs to one.
/// </remarks>
public sealed record CustomerSegments(
    [property: Description("By store_id, 20 at most")] IReadOnlyList<StoreSegments> Stores,
    [property: Description("What each segment means")] IReadOnlyDictionary<string, string> Definitions,
    IReadOnlyList<SalesPeriod> Periods,
    string? Note)
{
    const int MaximumStores = 20;

    /// <summary>The names, their conditions on the scores (r, f, m: 1 to 5) in SQL, and the same in words; the first that holds is it.</summary>
    static readonly (string Name, string Condition, string Meaning)[] Segments =
    [
        ("inactive", "purchases = 0", "registered, no purchase in the period"),
        ("champions", "r >= 4 AND f + m >= 8", "R 4-5, F+M 8-10"),
        ("potential_loyalists", "r >= 4 AND f + m >= 5", "R 4-5, F+M 5-7"),
        ("promising", "r >= 4", "R 4-5, F+M 2-4: new, or small so far"),
        ("loyal", "r = 3 AND f + m >= 8", "R 3, F+M 8-10"),
        ("need_attention", "r = 3 AND f + m >= 5", "R 3, F+M 5-7"),
        ("about_to_sleep", "r = 3", "R 3, F+M 2-4"),
        ("cannot_lose", "f + m >= 8", "R 1-2, F+M 8-10: were among the best, and have not come for long"),
        ("at_risk", "f + m >= 5", "R 1-2, F+M 5-7"),
        ("hibernating", "TRUE", "R 1-2, F+M 2-4"),
    ];

    static readonly string[] Tiers = ["platinum", "gold", "silver", "bronze"];

    static readonly Dictionary<string, string> Meanings = new(
    [
        new("scores", "R recency, F number of purchases, M net sales: each 1 to 5 by fifths of the store's customers who bought in the period, 5 best; equals share a score"),
        .. Segments.Select(segment => KeyValuePair.Create(segment.Name, segment.Meaning)),
    ]);

    internal static async Task<CustomerSegments> AskAsync(
        TenantDatabase database, TenantContext context, StorePeriods periods, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(context, periods.Command(context, Sql, category: null), Row.Read, cancellationToken);
        var byStore = rows.GroupBy(row => row.Store).OrderBy(group => group.Key.StoreId, StringComparer.Ordinal).ToList();
        List<StoreSegments> stores = [.. byStore.Take(MaximumStores).Select(group => Describe(group.Key, [.. group.Where(row => row.Group is not null)]))];
        var isEmpty = rows.All(row => row.Group is null || row.Facts.Purchases == 0);
        var note = isEmpty && rows.Any(row => row.HasReceipts)
            ? "No registered customer bought in this period; get_sales_summary says what was sold at all."
            : periods.Note([.. byStore.Select(group => group.Key)], isEmpty, "get_customer_history tells about one customer.");
        return new(
            stores, Meanings, periods.Describe(byStore.Take(MaximumStores).Select(group => group.Key), compared: false),
            byStore.Count <= MaximumStores ? note : $"{byStore.Count - MaximumStores} stores are left out: name one as store_id. {note}");
    }

    static StoreSegments Describe(AskedStore store, IReadOnlyList<Row> rows)
    {
        var (segments, tiers) = (rows.Where(row => row.IsSegment).ToList(), rows.Where(row => !row.IsSegment).ToList());
        var (customers, net) = (segments.Sum(row => row.Facts.Customers), segments.Sum(row => row.Facts.NetSales));
        return new(
            store.StoreId, store.Currency, customers, segments.Sum(row => row.Facts.Purchases), net,
            [.. segments.OrderBy(row => row.Facts.Purchases == 0).ThenBy(row => Array.FindIndex(Segments, segment => segment.Name == row.Group)).Select(Group)],
            // A tier that is not of the usual ones comes last.
            [.. tiers.OrderBy(row => (uint)Array.IndexOf(Tiers, row.Group)).ThenBy(row => row.Group, StringComparer.Ordinal).Select(Group)]);

        CustomerGroup Group(Row row) => new(
            row.Group!, row.Facts.Customers, Percent(row.Facts.Customers, customers)!.Value, row.Facts.Purchases,
            row.Facts.NetSales, Percent(row.Facts.NetSales, net), row.Facts.AverageDays);
    }

    static decimal? Percent(decimal part, decimal whole) => whole > 0 ? decimal.Round(part / whole * 100, 1, MidpointRounding.AwayFromZero) : null;

    // Store by store, so that what is sorted and hashed stays in memory; the receipts of StorePeriods, of all stores, are read by nothing
    // and so not computed. Customers and what they bought are brought together by a full join, because PostgreSQL has no nested loop for
    // one, which it would take for any other.
    static readonly string Sql = $"""
        {StorePeriods.Asked}
        SELECT {StorePeriods.AskedColumns}, g.has_receipts, g.is_segment, g.name, g.customers, g.purchases, g.net_sales, g.average_days
          FROM asked a
         CROSS JOIN LATERAL (
            WITH bought AS MATERIALIZED (
                SELECT customer_id, max(day) FILTER (WHERE is_sale) AS last_purchase, count(*) FILTER (WHERE is_sale) AS purchases, sum(subtotal) AS net_sales
                  FROM (SELECT t.customer_id, t.subtotal, t.transaction_type = 'sale' AS is_sale, (t.transaction_date AT TIME ZONE a.time_zone)::date AS day
                          FROM retail.sales_transactions t
                         WHERE t.store_id = a.store_id AND t.transaction_date >= $8 AND t.transaction_date < $9
                        -- Keeps the day from being worked out once for each of its uses.
                        OFFSET 0) AS receipt
                 WHERE day BETWEEN a.starts AND a.ends
                 GROUP BY customer_id),
            members AS MATERIALIZED (
                SELECT coalesce(c.loyalty_tier, 'none') AS tier, b.last_purchase, coalesce(b.purchases, 0) AS purchases, coalesce(b.net_sales, 0) AS net_sales
                  FROM (SELECT * FROM retail.customers WHERE store_id = a.store_id) AS c
                  FULL JOIN (SELECT * FROM bought WHERE customer_id IS NOT NULL) AS b ON b.customer_id = c.customer_id
                 -- Who registered after the period, and has no receipt of it, was no customer then.
                 WHERE coalesce(c.customer_since <= a.ends, TRUE) OR b.customer_id IS NOT NULL),
            buyers AS (SELECT count(*) AS number FROM members WHERE purchases > 0),
            -- Places among equals: from rank() to count(*), which counts them too; 5 * their middle / all is the fifth.
            scored AS (
                SELECT m.*,
                       1 + 5 * (rank() OVER recency - 1 + count(*) OVER recency) / (2 * (SELECT number FROM buyers)) AS r,
                       1 + 5 * (rank() OVER frequency - 1 + count(*) OVER frequency) / (2 * (SELECT number FROM buyers)) AS f,
                       1 + 5 * (rank() OVER monetary - 1 + count(*) OVER monetary) / (2 * (SELECT number FROM buyers)) AS m
                  FROM members m
                 WHERE m.purchases > 0
                WINDOW recency AS (ORDER BY m.last_purchase), frequency AS (ORDER BY m.purchases), monetary AS (ORDER BY m.net_sales)
                 UNION ALL
                SELECT m.*, NULL, NULL, NULL FROM members m WHERE m.purchases = 0),
            segmented AS (
                SELECT *, CASE {string.Concat(Segments.Select(segment => $"WHEN {segment.Condition} THEN '{segment.Name}' "))}END AS segment
                  FROM scored),
            groups AS (
                SELECT grouping(segment) = 0 AS is_segment, coalesce(segment, tier) AS name,
                       count(*) AS customers, sum(purchases)::bigint AS purchases, sum(net_sales) AS net_sales,
                       round(avg(least(a.ends, a.today) - last_purchase), 1) AS average_days
                  FROM segmented
                 GROUP BY GROUPING SETS ((segment), (tier)))
            SELECT EXISTS (SELECT FROM bought) AS has_receipts, groups.*
              FROM (SELECT) AS store
              LEFT JOIN groups ON TRUE) AS g
         ORDER BY a.store_id
        """;

    sealed record Facts(long Customers, long Purchases, decimal NetSales, decimal? AverageDays);

    /// <param name="HasReceipts">Whether the store has any of the period, whoever bought.</param>
    /// <param name="Group"><c>null</c> where a store has no customer.</param>
    sealed record Row(AskedStore Store, bool HasReceipts, bool IsSegment, string? Group, Facts Facts)
    {
        public static Row Read(NpgsqlDataReader row)
        {
            const int Next = StorePeriods.Columns;
            var (store, hasReceipts) = (StorePeriods.Read(row), row.GetBoolean(Next));
            return row.IsDBNull(Next + 1)
                ? new(store, hasReceipts, false, null, new(0, 0, 0, null))
                : new(store, hasReceipts, row.GetBoolean(Next + 1), row.GetString(Next + 2),
                    new(row.GetInt64(Next + 3), row.GetInt64(Next + 4), row.GetDecimal(Next + 5), row.GetNullable<decimal?>(Next + 6)));
        }
    }
}

/// <summary>A store's customers. Amounts are before tax, after discounts, less returns.</summary>
public sealed record StoreSegments(
    string StoreId,
    [property: Description("ISO 4217 code of the amounts")] string Currency,
    [property: Description("Registered by the end of the period, or on a receipt of it")] long Customers,
    [property: Description("Receipts of type sale")] long Purchases,
    [property: Description("Of these customers; receipts that name nobody are left out")] decimal NetSales,
    IReadOnlyList<CustomerGroup> Segments,
    [property: Description("By today's loyalty tier")] IReadOnlyList<CustomerGroup> Tiers);

/// <summary>Customers of one segment or tier.</summary>
public sealed record CustomerGroup(
    string Name,
    long Customers,
    [property: Description("Percent of the store's customers")] decimal CustomerPercent,
    long Purchases,
    decimal NetSales,
    [property: Description("Percent of the store's net_sales; null when that is not above 0")] decimal? NetSalesPercent,
    [property: Description("From the last purchase of the period to its end, or to today; of those who bought")] decimal? AverageDaysSincePurchase);
