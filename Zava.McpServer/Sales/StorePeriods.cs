using System.ComponentModel;
using System.Globalization;
using ModelContextProtocol;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Sales;

/// <summary>The days that an answer is about.</summary>
public sealed record SalesPeriod(
    DateOnly From,
    DateOnly To,
    [property: Description("The days compared with")] DateOnly? PreviousFrom,
    DateOnly? PreviousTo,
    [property: Description("Whose days these are; stores in other time zones may have others")] IReadOnlyList<string> StoreIds);

/// <summary>A store of an answer, and what day it is there.</summary>
/// <param name="LastSale">The day of its last receipt, <c>null</c> when it has none.</param>
sealed record AskedStore(string StoreId, string Currency, DateOnly Today, DateOnly? LastSale);

/// <summary>
/// A period of each store in the store's own days, for a statement that finds out the stores and their time zones itself.
/// </summary>
/// <remarks>
/// Everywhere on earth it is the date of UTC, the one before or the one after (UTC−12 to UTC+14): the period is worked out
/// for all three, and PostgreSQL picks each store's. A receipt belongs to the date that the clock of its store showed, so
/// days of 23 and 25 hours need no care.
/// </remarks>
sealed class StorePeriods
{
    /// <summary>
    /// The CTEs that every statement begins with: the stores asked about, and their receipts of the period and of the one before.
    /// Parameters $1 to $10 are those of <see cref="Command"/>.
    /// </summary>
    /// <remarks>
    /// The tables have no statistics, so PostgreSQL takes one row for any condition and a nested loop for any join. The
    /// statements are made for that: what is large is reached by a whole key, from a CTE that is computed once, and is added up
    /// before it is joined. To name the stores a second time beside a key would make a scan of the store look cheaper than the key.
    /// $8 and $9 are for the index, wide enough for any time zone.
    /// </remarks>
    public const string Asked = """
        WITH wanted AS MATERIALIZED (
            SELECT array_agg(c.category_id) AS ids
              FROM retail.product_categories c
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
             WHERE lower($10) IN (lower(c.category_name), lower(parent.category_name))),
        asked AS MATERIALIZED (
            SELECT s.store_id, s.currency, s.time_zone, p.*,
                   (SELECT (t.transaction_date AT TIME ZONE s.time_zone)::date FROM retail.sales_transactions t
                     WHERE t.store_id = s.store_id ORDER BY t.transaction_date DESC LIMIT 1) AS last_sale,
                   CASE WHEN $10 IS NOT NULL AND (SELECT ids FROM wanted) IS NULL
                        THEN (SELECT string_agg(category_name, ', ' ORDER BY category_name)
                                FROM retail.product_categories WHERE parent_category_id IS NULL) END AS categories
              FROM retail.stores s
              JOIN unnest($2, $3, $4, $5, $6) AS p (today, starts, ends, previous_starts, previous_ends)
                ON p.today = ($1 AT TIME ZONE s.time_zone)::date
             WHERE s.store_id = ANY ((SELECT coalesce($7, retail.current_store_ids()))::text[])),
        receipts AS MATERIALIZED (
            SELECT t.store_id, t.transaction_id, t.transaction_type, t.payment_method, t.customer_id, t.subtotal, a.currency, local.clock, local.clock::date AS day,
                   local.clock::date < a.starts AS is_previous
              FROM asked a
              JOIN retail.sales_transactions t ON t.store_id = a.store_id AND t.transaction_date >= $8 AND t.transaction_date < $9
             CROSS JOIN LATERAL (SELECT t.transaction_date AT TIME ZONE a.time_zone AS clock) AS local
             WHERE local.clock::date BETWEEN a.starts AND a.ends OR local.clock::date BETWEEN a.previous_starts AND a.previous_ends)
        """;

    /// <summary>The first columns of every statement, which <see cref="Read"/> reads.</summary>
    public const string AskedColumns = "a.store_id, a.currency, a.today, a.last_sale, a.categories";

    /// <summary>How many columns <see cref="AskedColumns"/> are.</summary>
    public const int Columns = 5;

    /// <summary>Lines i of the receipts r, and their products p.</summary>
    public const string ProductLines = """
          FROM receipts r
          JOIN retail.sales_transaction_items i ON i.store_id = r.store_id AND i.transaction_id = r.transaction_id
          JOIN retail.products p ON p.store_id = i.store_id AND p.product_id = i.product_id
        """;

    /// <summary>Whether a product p belongs to the category that was asked for, or to one below it.</summary>
    public const string IsOfCategory = "($10 IS NULL OR p.category_id = ANY ((SELECT ids FROM wanted)::integer[]))";

    readonly DateTime _now;
    readonly Dictionary<DateOnly, Period> _byToday;

    /// <param name="time">Says what time it is.</param>
    /// <param name="periodOn">The period where it is a given day.</param>
    public StorePeriods(TimeProvider time, Func<DateOnly, Period> periodOn)
    {
        _now = time.GetUtcNow().UtcDateTime;
        var utc = DateOnly.FromDateTime(_now);
        _byToday = new[] { utc.AddDays(-1), utc, utc.AddDays(1) }.ToDictionary(day => day, periodOn);
    }

    public Period Of(AskedStore store) => _byToday[store.Today];

    /// <summary>The number of days, which is the same or about the same in all stores.</summary>
    public int Days => _byToday.Values.Max(period => period.Days);

    /// <param name="context">The caller, narrowed to the stores asked for.</param>
    /// <param name="sql">Begins with <see cref="Asked"/>.</param>
    /// <param name="category">Name of a category, in any case; <c>null</c> for all.</param>
    /// <param name="more">Parameters from $11 on.</param>
    public NpgsqlBatchCommand Command(TenantContext context, string sql, string? category, params NpgsqlParameter[] more)
    {
        var periods = _byToday.Values;
        var command = new NpgsqlBatchCommand(sql)
        {
            Parameters =
            {
                new() { Value = _now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                Days(_byToday.Keys),
                Days(periods.Select(period => period.From)),
                Days(periods.Select(period => period.To)),
                Days(periods.Select(period => period.PreviousFrom)),
                Days(periods.Select(period => period.PreviousTo)),
                new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                Instant(periods.Min(period => period.PreviousFrom).AddDays(-1)),
                Instant(periods.Max(period => period.To).AddDays(2)),
                new() { Value = (object?)category ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            },
        };
        foreach (var parameter in more)
            command.Parameters.Add(parameter);
        return command;

        static NpgsqlParameter Days(IEnumerable<DateOnly> days) => new() { Value = days.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Date };
        static NpgsqlParameter Instant(DateOnly day) => new() { Value = day.ToDateTime(default, DateTimeKind.Utc), NpgsqlDbType = NpgsqlDbType.TimestampTz };
    }

    /// <summary>Reads <see cref="AskedColumns"/>.</summary>
    /// <exception cref="McpException">There is no such category.</exception>
    public static AskedStore Read(NpgsqlDataReader row) => row.GetNullable<string>(4) is { } categories
        ? throw new McpException($"category: there is no category of this name. Allowed: {categories}, or a sub-category that get_product returns.")
        : new(row.GetString(0), row.GetString(1), row.GetFieldValue<DateOnly>(2), row.GetNullable<DateOnly?>(3));

    /// <summary>The periods of the stores of an answer, one for stores that have the same.</summary>
    /// <param name="compared">Whether the answer compares with the period before.</param>
    public IReadOnlyList<SalesPeriod> Describe(IEnumerable<AskedStore> stores, bool compared) =>
        [.. stores.DistinctBy(store => store.StoreId)
            .GroupBy(Of)
            .OrderBy(group => group.Key.From)
            .Select(group => new SalesPeriod(
                group.Key.From, group.Key.To, compared ? group.Key.PreviousFrom : null, compared ? group.Key.PreviousTo : null,
                Named([.. group.Select(store => store.StoreId).Order(StringComparer.Ordinal)])))];

    /// <summary>What an agent should know about a period before it uses the numbers, and where to look when there are none.</summary>
    /// <param name="next">What to do with numbers that are there.</param>
    public string Note(IReadOnlyCollection<AskedStore> stores, bool isEmpty, string next)
    {
        if (isEmpty)
            return stores.Max(store => store.LastSale) is { } last
                ? $"No receipts in this period; the last one is of {Iso(last)}: ask for period {last.ToString("yyyy-MM", CultureInfo.InvariantCulture)}."
                : "There are no receipts yet.";
        return stores.Any(store => Of(store).To >= store.Today)
            ? $"The period is not over: today is {Iso(stores.Max(store => store.Today))}. {next}"
            : next;
    }

    static string Iso(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    // A chain of hundreds of stores must not fill the answer with their names.
    static IReadOnlyList<string> Named(List<string> stores) =>
        stores.Count <= 20 ? stores : [.. stores.Take(20), $"and {stores.Count - 20} more"];
}
