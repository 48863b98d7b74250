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

    // Customers are brought together with their receipts by grouping: a join of two large sets would be a nested loop (StorePeriods).
    static readonly string Sql = $"""
        {StorePeriods.Asked},
        facts AS (
            SELECT c.store_id, c.customer_id, coalesce(c.loyalty_tier, 'none') AS tier, coalesce(c.customer_since <= a.ends, TRUE) AS is_registered,
                   NULL::date AS bought_on, 0 AS subtotal
              FROM asked a
              JOIN retail.customers c ON c.store_id = a.store_id
             UNION ALL
            SELECT r.store_id, r.customer_id, NULL, TRUE, CASE r.transaction_type WHEN 'sale' THEN r.day END, r.subtotal
              FROM receipts r
             WHERE r.customer_id IS NOT NULL),
        members AS MATERIALIZED (
            SELECT store_id, customer_id, max(tier) AS tier, max(bought_on) AS last_purchase, count(bought_on) AS purchases, sum(subtotal) AS net_sales
              FROM facts
             GROUP BY store_id, customer_id
             -- Who registered after the period, and has no receipt of it, was no customer then.
            HAVING bool_and(is_registered) OR count(*) > 1),
        -- Places among equals: from rank() to count(*), which counts them too; 5 * their middle / all is the fifth.
        scored AS MATERIALIZED (
            SELECT m.*,
                   1 + 5 * (rank() OVER recency - 1 + count(*) OVER recency) / (2 * count(*) OVER buyers) AS r,
                   1 + 5 * (rank() OVER frequency - 1 + count(*) OVER frequency) / (2 * count(*) OVER buyers) AS f,
                   1 + 5 * (rank() OVER monetary - 1 + count(*) OVER monetary) / (2 * count(*) OVER buyers) AS m
              FROM members m
            WINDOW buyers AS (PARTITION BY m.store_id, m.purchases > 0),
                   recency AS (buyers ORDER BY m.last_purchase),
                   frequency AS (buyers ORDER BY m.purchases),
                   monetary AS (buyers ORDER BY m.net_sales)),
        segmented AS (
            SELECT s.*, CASE {string.Concat(Segments.Select(segment => $"WHEN {segment.Condition} THEN '{segment.Name}' "))}END AS segment
              FROM scored s),
        groups AS MATERIALIZED (
            SELECT s.store_id, grouping(s.segment) = 0 AS is_segment, coalesce(s.segment, s.tier) AS name,
                   count(*) AS customers, sum(s.purchases)::bigint AS purchases, sum(s.net_sales) AS net_sales,
                   round(avg(least(a.ends, a.today) - s.last_purchase), 1) AS average_days
              FROM segmented s
              JOIN asked a ON a.store_id = s.store_id
             GROUP BY s.store_id, GROUPING SETS ((s.segment), (s.tier)))
        SELECT {StorePeriods.AskedColumns}, EXISTS (SELECT FROM receipts r WHERE r.store_id = a.store_id), g.is_segment, g.name, g.customers, g.purchases, g.net_sales, g.average_days
          FROM asked a
          LEFT JOIN groups g ON g.store_id = a.store_id
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
