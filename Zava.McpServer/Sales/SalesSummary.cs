using System.ComponentModel;
using System.Globalization;
using ModelContextProtocol;
using Npgsql;
using Zava.Database;

namespace Zava.McpServer.Sales;

/// <summary>What was sold in a period and in the one before, per currency and, if asked for, per group.</summary>
public sealed record SalesSummary(
    [property: Description("One for each currency; amounts of different currencies are never added")] IReadOnlyList<SalesTotal> Totals,
    [property: Description("Dates ascending, hours ascending, anything else by net sales descending")] IReadOnlyList<SalesGroup> Groups,
    IReadOnlyList<SalesPeriod> Periods,
    string? Note)
{
    const int MaximumGroups = 62;

    // A day of the period before stands where its counterpart in the period does, so that equal parts are compared.
    const string Day = "(r.day + CASE WHEN r.is_previous THEN a.starts - a.previous_starts ELSE 0 END)";

    /// <summary>What can be grouped by: the SQL of a group's name. A receipt counts in each category that it has a line of.</summary>
    static readonly Dictionary<string, string> Groupings = new()
    {
        ["day"] = $"{Day}::text",
        ["week"] = $"greatest(date_trunc('week', {Day}::timestamp)::date, a.starts)::text",
        ["month"] = $"greatest(date_trunc('month', {Day}::timestamp)::date, a.starts)::text",
        ["hour"] = "to_char(r.clock, 'HH24')",
        ["payment"] = "coalesce(r.payment_method, 'unknown')",
        ["store"] = "r.store_id",
        ["category"] = "coalesce(parent.category_name, c.category_name, 'uncategorised')",
    };

    /// <exception cref="McpException">There would be too many groups.</exception>
    internal static async Task<SalesSummary> AskAsync(
        TenantDatabase database, TenantContext context, StorePeriods periods, string? groupBy, CancellationToken cancellationToken)
    {
        var groupDays = groupBy switch { "day" => 1, "week" => 7, "month" => 28, _ => 0 };
        if (groupDays > 0 && periods.Days > groupDays * MaximumGroups)
            throw new McpException($"group_by: {groupBy} gives more than {MaximumGroups} groups in {periods.Days} days. Allowed: {(groupBy == "day" ? "week, month" : "month")}, or a shorter period.");
        var rows = await database.QueryAsync(context, periods.Command(context, Sql(groupBy), category: null), Row.Read, cancellationToken);

        List<AskedStore> stores = [.. rows.Select(row => row.Store).DistinctBy(store => store.StoreId)];
        var byCurrency = rows.ToLookup(row => row.Store.Currency);
        List<SalesTotal> totals = [.. byCurrency.OrderBy(group => group.Key, StringComparer.Ordinal).Select(group =>
        {
            var (current, previous) = (Sum(group, isGroup: false, isPrevious: false), Sum(group, isGroup: false, isPrevious: true));
            return new SalesTotal(group.Key, current, previous, SalesChange.Of(current, previous));
        })];
        List<SalesGroup> groups = groupBy is null ? [] : [.. totals.SelectMany(total => GroupsOf(total.Currency, [.. byCurrency[total.Currency]], groupBy, periods))];
        var isEmpty = totals.All(total => total.Current == SalesAmounts.None);
        var note = periods.Note(stores, isEmpty, groupBy is null
            ? "group_by shows where it comes from; get_top_products names the products."
            : "get_top_products names the products; get_sales_trend looks ahead.");
        return new(
            totals, groups.Count <= MaximumGroups ? groups : groups[..MaximumGroups], periods.Describe(stores, compared: true),
            groups.Count <= MaximumGroups ? note : $"{groups.Count - MaximumGroups} groups are left out. {note}");
    }

    static SalesAmounts Sum(IEnumerable<Row> rows, bool isGroup, bool isPrevious) => rows
        .Where(row => row.IsGroup == isGroup && row.IsPrevious == isPrevious)
        .Aggregate(SalesAmounts.None, (sum, row) => sum + row.Amounts);

    static IEnumerable<SalesGroup> GroupsOf(string currency, IReadOnlyList<Row> rows, string groupBy, StorePeriods periods)
    {
        var names = rows.Where(row => row.IsGroup).Select(row => row.Group!).Concat(groupBy switch
        {
            // Days and shops without a sale are an answer too.
            "day" or "week" or "month" => rows.Select(row => row.Store).Distinct().SelectMany(store => Starts(periods.Of(store), groupBy, store.Today)),
            "store" => rows.Select(row => row.Store.StoreId),
            _ => [],
        });
        var byName = rows.Where(row => row.IsGroup).ToLookup(row => row.Group!);
        var groups = names.Distinct().Order(StringComparer.Ordinal).Select(name =>
        {
            var (current, previous) = (Sum(byName[name], isGroup: true, isPrevious: false), Sum(byName[name], isGroup: true, isPrevious: true));
            return new SalesGroup(name, currency, current.Receipts, current.Units, current.NetSales, previous.NetSales, SalesChange.Percent(current.NetSales, previous.NetSales));
        });
        return groupBy is "day" or "week" or "month" or "hour" ? groups : groups.OrderByDescending(group => group.NetSales);
    }

    // The first day of each group, up to today: what is to come has no sales yet.
    static IEnumerable<string> Starts(Period period, string groupBy, DateOnly today)
    {
        for (var day = period.From; day <= period.To && (day <= today || day == period.From); day = day.AddDays(1))
            if (day == period.From || groupBy == "day" || (groupBy == "week" ? day.DayOfWeek == DayOfWeek.Monday : day.Day == 1))
                yield return day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }

    static string Sql(string? groupBy) => $"""
        {StorePeriods.Asked},
        lines AS (
            SELECT r.store_id, r.transaction_id, r.is_previous, {(groupBy is null ? "''" : Groupings[groupBy])} AS name,
                   i.line_type = 'sold' AS sold, i.quantity, i.quantity * i.unit_price AS list_price, i.discount_amount, i.total_price, i.tax_amount
            {StorePeriods.ProductLines}
              JOIN asked a ON a.store_id = r.store_id
              LEFT JOIN retail.product_categories c ON c.category_id = p.category_id
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id),
        facts AS MATERIALIZED (
            SELECT store_id, is_previous, grouping(name) = 0 AS is_group, name,
                   count(DISTINCT transaction_id) FILTER (WHERE sold) AS receipts,
                   coalesce(sum(quantity) FILTER (WHERE sold), 0) AS units,
                   coalesce(sum(quantity) FILTER (WHERE NOT sold), 0) AS returned_units,
                   coalesce(sum(list_price) FILTER (WHERE sold), 0) AS gross_sales,
                   coalesce(-sum(discount_amount) FILTER (WHERE sold), 0) AS discounts,
                   coalesce(-sum(total_price) FILTER (WHERE NOT sold), 0) AS returns,
                   sum(CASE WHEN sold THEN tax_amount ELSE -tax_amount END) AS tax
              FROM lines
             GROUP BY store_id, GROUPING SETS ((is_previous), (is_previous, name)))
        SELECT {StorePeriods.AskedColumns}, f.is_previous, f.is_group, f.name, f.receipts, f.units, f.returned_units, f.gross_sales, f.discounts, f.returns, f.tax
          FROM asked a
          LEFT JOIN facts f ON f.store_id = a.store_id
         ORDER BY a.store_id
        """;

    /// <param name="IsPrevious"><c>null</c> where a store has no sale in either period.</param>
    sealed record Row(AskedStore Store, bool? IsPrevious, bool IsGroup, string? Group, SalesAmounts Amounts)
    {
        public static Row Read(NpgsqlDataReader row)
        {
            const int Next = StorePeriods.Columns;
            var store = StorePeriods.Read(row);
            return row.IsDBNull(Next)
                ? new(store, null, false, null, SalesAmounts.None)
                : new(store, row.GetBoolean(Next), row.GetBoolean(Next + 1), row.GetNullable<string>(Next + 2),
                    new(row.GetInt64(Next + 3), row.GetInt64(Next + 4), row.GetInt64(Next + 5), row.GetDecimal(Next + 6), row.GetDecimal(Next + 7),
                        row.GetDecimal(Next + 8), row.GetDecimal(Next + 9)));
        }
    }
}
