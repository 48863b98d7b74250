using System.ComponentModel;
using System.Globalization;
using ModelContextProtocol;
using Npgsql;
using Zava.Database;

namespace Zava.McpServer.Sales;

/// <summary>How sales went, for each currency, and how they may go on.</summary>
public sealed record SalesTrend(
    [property: Description("One for each currency")] IReadOnlyList<CurrencyTrend> Trends,
    [property: Description("The days read")] IReadOnlyList<SalesPeriod> Periods,
    string? Note)
{
    /// <summary>The days that are read, for an answer that ends on a day or, without one, yesterday.</summary>
    /// <exception cref="McpException">The day is not one.</exception>
    internal static Period Days(string? until, DateOnly today)
    {
        var last = today.AddDays(-1);
        if (until is not null && (!DateOnly.TryParseExact(until, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out last) || last.Year is < 2000 or > 2100))
            throw new McpException("until: it is not a day. Allowed: an ISO 8601 date such as 2026-03-31, or left out.");
        return new(last.AddDays(1 - Period.MaximumDays), last, 0);
    }

    internal static async Task<SalesTrend> AskAsync(
        TenantDatabase database, TenantContext context, StorePeriods periods, string interval, string? category, int forecast, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(context, periods.Command(context, Sql, category), Read, cancellationToken);
        List<AskedStore> stores = [.. rows.Select(row => row.Store).OfType<AskedStore>()];
        var sales = rows.ToLookup(row => row.Currency, row => (row.Day, row.Sales));
        List<CurrencyTrend> trends = [.. stores.GroupBy(store => store.Currency).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group =>
            Trend(group.Key,
                SalesSeries.Of(
                    sales[group.Key].Where(day => day.Day is not null).ToDictionary(day => day.Day!.Value, day => day.Sales),
                    // Where a store's day has not ended yet, that day is complete for none.
                    group.Min(store => periods.Of(store).To)),
                interval, forecast))];
        return new(trends, periods.Describe(stores, compared: false), NoteOn(periods, stores, trends, interval, forecast));
    }

    static string NoteOn(StorePeriods periods, List<AskedStore> stores, List<CurrencyTrend> trends, string interval, int forecast)
    {
        if (stores.Max(store => store.LastSale) is not { } last)
            return "There are no receipts yet.";
        if (stores.All(store => store.LastSale is null || store.LastSale.Value.AddDays(7) < periods.Of(store).To))
            return $"No receipts lately: the last one is of {last.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}, and days since count as 0. Set until to that day to end there.";
        if (forecast > 0 && trends.Any(trend => trend.Forecast is null))
            return $"Too short a past to forecast: {SalesForecast.Shortest(interval)} whole {interval}s since the first receipt are needed; a shorter interval needs less time.";
        return trends.Any(trend => trend.Forecast?.Points.Count < forecast)
            ? "The past is too short to forecast farther than this."
            : "get_sales_summary explains a high or low interval; get_top_products names its products.";
    }

    static CurrencyTrend Trend(string currency, SalesSeries series, string interval, int forecast)
    {
        var points = series.By(interval);
        return new(
            currency, [.. points.TakeLast(interval switch { "day" => 28, "week" => 26, _ => 24 })],
            interval == "month" ? series.Months() : series.Weekdays(), SalesForecast.Of(points, interval, forecast));
    }

    const string Sql = $"""
        {StorePeriods.Asked}
        SELECT {StorePeriods.AskedColumns}, NULL::date, NULL::numeric
          FROM asked a
         UNION ALL
        SELECT NULL, r.currency, NULL, NULL, NULL, r.day, sum(CASE i.line_type WHEN 'sold' THEN i.total_price ELSE -i.total_price END)
        {StorePeriods.ProductLines}
         WHERE {StorePeriods.IsOfCategory}
         GROUP BY r.currency, r.day
         ORDER BY 1, 2, 6
        """;

    static (AskedStore? Store, string Currency, DateOnly? Day, decimal Sales) Read(NpgsqlDataReader row) => row.IsDBNull(0)
        ? (null, row.GetString(1), row.GetFieldValue<DateOnly>(StorePeriods.Columns), row.GetDecimal(StorePeriods.Columns + 1))
        : (StorePeriods.Read(row), row.GetString(1), null, 0);
}

/// <summary>All stores of one currency; net sales are after discounts and returns, before tax.</summary>
public sealed record CurrencyTrend(
    string Currency,
    [property: Description("The latest whole intervals, oldest first")] IReadOnlyList<TrendPoint> Series,
    [property: Description("Mean net sales of each weekday over up to 52 weeks, or for months of each month's mean day; 100 is the mean of all")] IReadOnlyList<SeasonIndex> Seasonality,
    [property: Description("Null when the past is too short")] SalesForecast? Forecast);
