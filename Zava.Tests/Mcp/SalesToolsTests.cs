using Zava.McpServer.Sales;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>
/// The numbers of the sales tools, checked against SQL that takes another way: amounts from the receipts' headers where the tools
/// add lines, and days from .NET's time zones where the tools use PostgreSQL's.
/// </summary>
public sealed class SalesToolsTests(SalesShop shop) : IClassFixture<SalesShop>
{
    static readonly string[] SampleStores = ["bellevue", "online", "redmond", "seattle"];

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>When a store's day begins, in UTC.</summary>
    static DateTime StartOf(DateOnly day, string zone = "America/Los_Angeles") =>
        TimeZoneInfo.ConvertTimeToUtc(day.ToDateTime(default), TimeZoneInfo.FindSystemTimeZoneById(zone));

    sealed record Expected(long Receipts, long Units, long ReturnedUnits, decimal Gross, decimal Discounts, decimal Returns, decimal Net, decimal Tax);

    async Task<Expected> ExpectAsync(string[] stores, DateOnly from, DateOnly to) => Assert.Single(await shop.RowsAsync("""
        SELECT count(*) FILTER (WHERE transaction_type <> 'return'),
               coalesce(sum(sold.quantity), 0)::bigint, coalesce(sum(back.quantity), 0)::bigint,
               coalesce(sum(sold.total + sold.discount), 0), -coalesce(sum(sold.discount), 0), -coalesce(sum(back.total), 0),
               coalesce(sum(subtotal), 0), coalesce(sum(total_amount - subtotal), 0)
          FROM retail.sales_transactions t
         CROSS JOIN LATERAL (SELECT sum(quantity) AS quantity, sum(total_price) AS total, sum(discount_amount) AS discount FROM retail.sales_transaction_items i
                              WHERE i.store_id = t.store_id AND i.transaction_id = t.transaction_id AND original_item_id IS NULL) AS sold
         CROSS JOIN LATERAL (SELECT sum(quantity) AS quantity, sum(total_price) AS total FROM retail.sales_transaction_items i
                              WHERE i.store_id = t.store_id AND i.transaction_id = t.transaction_id AND original_item_id IS NOT NULL) AS back
         WHERE store_id = ANY ($1) AND transaction_date >= $2 AND transaction_date < $3
        """,
        row => new Expected(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetDecimal(3), row.GetDecimal(4), row.GetDecimal(5), row.GetDecimal(6), row.GetDecimal(7)),
        stores, StartOf(from), StartOf(to.AddDays(1))));

    static Expected Of(SalesAmounts amounts) => new(
        amounts.Receipts, amounts.Units, amounts.ReturnedUnits, amounts.GrossSales, amounts.Discounts, amounts.Returns, amounts.NetSales, amounts.Tax);

    [Theory]
    [InlineData("2026-02", "seattle")]
    [InlineData("2026-03-08", "online")]
    [InlineData("2025-11-02", "online")]
    [InlineData("2025-11-01/2025-11-03", "bellevue online redmond seattle")]
    [InlineData("last_30_days", "bellevue online redmond seattle")]
    [InlineData("last_week", "redmond seattle")]
    [InlineData("2025-07/2025-12", "bellevue online redmond seattle")]
    public async Task A_summary_adds_up_to_the_receipts(string period, string stores)
    {
        var (names, days) = (stores.Split(' '), Period.Parse(period, SalesShop.LastSampleDay.AddDays(1)));
        var answer = await shop.Tools.GetSummaryAsync(period, user: SalesShop.Of(names), cancellationToken: Cancellation);
        var total = Assert.Single(answer.Totals);
        Assert.Equal("USD", total.Currency);
        Assert.Equal(await ExpectAsync(names, days.From, days.To), Of(total.Current));
        Assert.Equal(await ExpectAsync(names, days.PreviousFrom, days.PreviousTo), Of(total.Previous));
        Assert.Empty(answer.Groups);
        var described = Assert.Single(answer.Periods);
        Assert.Equal((days.From, days.To, days.PreviousFrom, days.PreviousTo), (described.From, described.To, described.PreviousFrom!.Value, described.PreviousTo!.Value));
        Assert.Equal(names, described.StoreIds);
        if (total.Previous.NetSales > 0)
            Assert.Equal((double)(total.Current.NetSales / total.Previous.NetSales - 1) * 100, (double)total.ChangePercent.NetSales!, tolerance: .0501);
    }

    [Theory]
    [InlineData("day")]
    [InlineData("week")]
    [InlineData("month")]
    [InlineData("hour")]
    [InlineData("payment")]
    [InlineData("store")]
    [InlineData("category")]
    public async Task Groups_add_up_to_their_totals_and_so_do_those_of_the_period_before(string groupBy)
    {
        var answer = await shop.Tools.GetSummaryAsync("2026-01-28/2026-03-11", groupBy, user: SalesShop.Of(SampleStores), cancellationToken: Cancellation);
        var total = Assert.Single(answer.Totals);
        Assert.Equal(total.Current.NetSales, answer.Groups.Sum(group => group.NetSales));
        Assert.Equal(total.Previous.NetSales, answer.Groups.Sum(group => group.PreviousNetSales));
        Assert.Equal(total.Current.Units, answer.Groups.Sum(group => group.Units));
        if (groupBy != "category")
            Assert.Equal(total.Current.Receipts, answer.Groups.Sum(group => group.Receipts));
        string[] names = [.. answer.Groups.Select(group => group.Group)];
        Assert.Equal(names.Distinct(), names);
        if (groupBy is "day" or "week" or "month" or "hour")
            Assert.Equal(names.Order(StringComparer.Ordinal), names);
        else
            Assert.Equal(answer.Groups.OrderByDescending(group => group.NetSales).Select(group => group.Group), names);
        Assert.Equal(groupBy switch { "day" => 43, "week" => 7, "month" => 3, "store" => 4, _ => names.Length }, names.Length);
        if (groupBy == "week")
            Assert.Equal(["2026-01-28", "2026-02-02", "2026-02-09"], names[..3]);
    }

    [Fact]
    public async Task Each_day_and_each_store_is_what_its_receipts_say()
    {
        var days = await shop.Tools.GetSummaryAsync("2026-03-01/2026-03-14", "day", user: SalesShop.Of("*"), store_id: "online", cancellationToken: Cancellation);
        foreach (var group in days.Groups)
        {
            var day = DateOnly.Parse(group.Group, System.Globalization.CultureInfo.InvariantCulture);
            var (now, before) = (await ExpectAsync(["online"], day, day), await ExpectAsync(["online"], day.AddDays(-14), day.AddDays(-14)));
            Assert.Equal((now.Receipts, now.Units, now.Net, before.Net), (group.Receipts, group.Units, group.NetSales, group.PreviousNetSales));
        }
        var stores = await shop.Tools.GetSummaryAsync("2026-03", "store", user: SalesShop.Of(SampleStores), cancellationToken: Cancellation);
        foreach (var group in stores.Groups)
            Assert.Equal((await ExpectAsync([group.Group], new(2026, 3, 1), new(2026, 3, 31))).Net, group.NetSales);

        var byHour = await shop.RowsAsync("""
            SELECT left(((transaction_date AT TIME ZONE 'America/Los_Angeles')::time)::text, 2), sum(subtotal) FROM retail.sales_transactions
             WHERE store_id = 'seattle' AND transaction_date >= $1 AND transaction_date < $2 GROUP BY 1
            """, row => (Hour: row.GetString(0), Net: row.GetDecimal(1)), StartOf(new(2026, 2, 1)), StartOf(new(2026, 3, 1)));
        var hours = await shop.Tools.GetSummaryAsync("2026-02", "hour", user: SalesShop.Of("seattle"), cancellationToken: Cancellation);
        Assert.All(byHour, hour => Assert.Equal(hour.Net, hours.Groups.Single(group => group.Group == hour.Hour).NetSales));
    }

    [Fact]
    public async Task A_day_has_23_hours_or_25_where_the_clocks_change()
    {
        // New York: 2026-03-08 lasts from 05:00 to 04:00 UTC, 2025-11-02 from 04:00 to 05:00.
        foreach (var (utc, quantity) in ((string, int)[])[("2026-03-08 04:59:59", 1), ("2026-03-08 05:00:00", 2), ("2026-03-09 03:59:59", 4), ("2026-03-09 04:00:00", 8),
            ("2025-11-02 03:59:59", 1), ("2025-11-02 04:00:00", 2), ("2025-11-02 05:30:00", 4), ("2025-11-02 06:30:00", 8), ("2025-11-03 04:59:59", 16), ("2025-11-03 05:00:00", 32)])
            await shop.AddAsync("solo", utc, ("A", quantity, 0));
        Assert.Equal((6, 1), await UnitsAsync("solo", "2026-03-08"));
        Assert.Equal((30, 1), await UnitsAsync("solo", "2025-11-02"));
        Assert.Equal((32, 30), await UnitsAsync("solo", "2025-11-03"));
        // One o'clock came twice.
        Assert.Equal([("00", 2L), ("01", 12L), ("23", 16L)],
            (await shop.Tools.GetSummaryAsync("2025-11-02", "hour", user: SalesShop.Of("solo"), cancellationToken: Cancellation)).Groups.Where(group => group.Units > 0).Select(group => (group.Group, group.Units)));

        // Havana: 2026-03-08 begins at one o'clock (05:00 UTC), and 2025-11-02 begins twice (04:00 and 05:00 UTC).
        foreach (var (utc, quantity) in ((string, int)[])[("2026-03-08 04:59:59", 1), ("2026-03-08 05:00:00", 2), ("2025-11-02 03:59:59", 1), ("2025-11-02 04:30:00", 2), ("2025-11-02 05:30:00", 4)])
            await shop.AddAsync("havana", utc, ("A", quantity, 0));
        Assert.Equal((2, 1), await UnitsAsync("havana", "2026-03-08"));
        Assert.Equal((6, 1), await UnitsAsync("havana", "2025-11-02"));
    }

    async Task<(long Now, long Before)> UnitsAsync(string store, string period)
    {
        var total = Assert.Single((await shop.Tools.GetSummaryAsync(period, user: SalesShop.Of(store), cancellationToken: Cancellation)).Totals);
        return (total.Current.Units, total.Previous.Units);
    }

    [Fact]
    public async Task A_leap_day_is_a_day()
    {
        await shop.AddAsync("solo", "2024-02-29 05:00:00", ("A", 3, 0));
        await shop.AddAsync("solo", "2024-03-01 04:59:59", ("A", 5, 1));
        await shop.AddAsync("solo", "2024-03-01 05:00:00", ("A", 7, 0));
        Assert.Equal((8, 0), await UnitsAsync("solo", "2024-02-29"));
        Assert.Equal((7, 8), await UnitsAsync("solo", "2024-03-01"));
        Assert.Equal((8, 0), await UnitsAsync("solo", "2024-02"));
        var months = await shop.Tools.GetSummaryAsync("2024-02-29/2024-03-31", "month", user: SalesShop.Of("solo"), cancellationToken: Cancellation);
        Assert.Equal([("2024-02-29", 8L), ("2024-03-01", 7L)], months.Groups.Select(group => (group.Group, group.Units)));
    }

    [Fact]
    public async Task Returns_are_negative_and_an_exchange_is_both()
    {
        await shop.AddAsync("solo", "2023-05-01 16:00", ("A", 2, 3), ("B", 1, 0));
        await shop.AddAsync("solo", "2023-05-02 16:00", ("A", -1, 1.5m));
        await shop.AddAsync("solo", "2023-05-03 16:00", ("B", -1, 0), ("C", 1, 0));
        var total = Assert.Single((await shop.Tools.GetSummaryAsync("2023-05", user: SalesShop.Of("solo"), cancellationToken: Cancellation)).Totals);
        Assert.Equal(new SalesAmounts(2, 4, 2, 40, -3, -18.5m, 1.85m), total.Current);
        Assert.Equal((18.5m, 18.5m), (total.Current.NetSales, total.Current.AverageBasket));
        Assert.Null(total.ChangePercent.NetSales);
        // Only what came back: no receipt that sold, and less than nothing.
        total = Assert.Single((await shop.Tools.GetSummaryAsync("2023-05-02", user: SalesShop.Of("solo"), cancellationToken: Cancellation)).Totals);
        Assert.Equal((0, -8.5m, 0), (total.Current.Receipts, total.Current.NetSales, total.Current.AverageBasket));
        Assert.Equal(-131.5m, decimal.Round(-8.5m / 27m * 100 - 100, 1));
        Assert.Equal(-131.5m, total.ChangePercent.NetSales);

        var returned = await shop.Tools.GetTopAsync("returns", "2023-05", user: SalesShop.Of("solo"), cancellationToken: Cancellation);
        Assert.Equal([("B", -10m, 54.1m), ("A", -8.5m, 45.9m)], returned.Products.Select(product => (product.Sku, product.Returns, product.SharePercent!.Value)));
        Assert.Equal(new TopTotal("USD", "returns", -18.5m, 2), Assert.Single(returned.Totals));
        // A: one unit left at 8.50, at a cost of 4. B: nothing left. Nobody knows what C cost.
        var margins = await shop.Tools.GetTopAsync("margin", "2023-05", user: SalesShop.Of("solo"), cancellationToken: Cancellation);
        Assert.Equal([("A", 4.5m), ("B", 0m)], margins.Products.Select(product => (product.Sku, product.Margin!.Value)));
        Assert.Null((await shop.Tools.GetTopAsync("revenue", "2023-05", user: SalesShop.Of("solo"), cancellationToken: Cancellation)).Products.Single(product => product.Sku == "C").Margin);
    }

    [Fact]
    public async Task Amounts_of_two_currencies_are_never_added_and_each_store_has_its_own_today()
    {
        await shop.AddAsync("tokyo", "2022-06-30 14:59:59", ("A", 1, 0));
        await shop.AddAsync("tokyo", "2022-06-30 15:00:00", ("A", 2, 0));
        await shop.AddAsync("solo", "2022-06-30 15:00:00", ("A", 4, 0));
        // It is July in Tokyo and June in New York.
        var answer = await shop.At("2022-06-30 16:00").GetSummaryAsync("today", "store", user: SalesShop.Of("solo", "tokyo"), cancellationToken: Cancellation);
        Assert.Equal([("JPY", 2L, 1L), ("USD", 4L, 0L)], answer.Totals.Select(total => (total.Currency, total.Current.Units, total.Previous.Units)));
        Assert.Equal([("tokyo", "JPY", 20m), ("solo", "USD", 40m)], answer.Groups.Select(group => (group.Group, group.Currency, group.NetSales)));
        Assert.Equal([(new DateOnly(2022, 6, 30), "solo"), (new(2022, 7, 1), "tokyo")], answer.Periods.Select(period => (period.From, Assert.Single(period.StoreIds))));
        Assert.StartsWith("The period is not over", answer.Note);

        var top = await shop.At("2022-06-30 16:00").GetTopAsync("units", "today", limit: 1, user: SalesShop.Of("solo", "tokyo"), cancellationToken: Cancellation);
        Assert.Equal([("tokyo", "JPY", 100m), ("solo", "USD", 100m)], top.Products.Select(product => (product.StoreId, product.Currency, product.SharePercent!.Value)));
        var trend = await shop.At("2022-07-01 16:00").GetTrendAsync("day", user: SalesShop.Of("solo", "tokyo"), cancellationToken: Cancellation);
        Assert.Equal(["JPY", "USD"], trend.Trends.Select(currency => currency.Currency));
        Assert.Equal([new(new(2022, 6, 30), 10), new(new(2022, 7, 1), 20)], trend.Trends[0].Series);
    }

    [Fact]
    public async Task Nothing_is_zero_and_says_where_there_is_something()
    {
        await shop.AddAsync("single", "2025-05-05 10:00", ("A", 1, 0));
        foreach (var period in (string[])["2019-02", "2031-02-01/2031-02-03"])
        {
            var empty = await shop.Tools.GetSummaryAsync(period, "day", user: SalesShop.Of("single"), cancellationToken: Cancellation);
            Assert.Equal(SalesAmounts.None, Assert.Single(empty.Totals).Current);
            Assert.All(empty.Groups, group => Assert.Equal((0, 0, 0), (group.Receipts, group.NetSales, group.PreviousNetSales)));
            Assert.Equal("No receipts in this period; the last one is of 2025-05-05: ask for period 2025-05.", empty.Note);
            Assert.StartsWith("No receipts", (await shop.Tools.GetTopAsync(period: period, user: SalesShop.Of("single"), cancellationToken: Cancellation)).Note);
            Assert.StartsWith("No receipts", (await shop.Tools.GetAffinityAsync(period: period, user: SalesShop.Of("single"), cancellationToken: Cancellation)).Note);
        }
        var bare = SalesShop.Of("bare");
        Assert.Equal((SalesAmounts.None, SalesAmounts.None), Assert.Single((await shop.Tools.GetSummaryAsync(group_by: "store", user: bare, cancellationToken: Cancellation)).Totals) is var total ? (total.Current, total.Previous) : default);
        Assert.Equal("There are no receipts yet.", (await shop.Tools.GetTopAsync(user: bare, cancellationToken: Cancellation)).Note);
        Assert.Equal("There are no receipts yet.", (await shop.Tools.GetAffinityAsync(user: bare, cancellationToken: Cancellation)).Note);
        var trend = await shop.Tools.GetTrendAsync(user: bare, cancellationToken: Cancellation);
        Assert.Equal("There are no receipts yet.", trend.Note);
        Assert.Equal((0, 0, true), (trend.Trends[0].Series.Count, trend.Trends[0].Seasonality.Count, trend.Trends[0].Forecast is null));
        // A store without sales is listed beside those that have some.
        var both = await shop.Tools.GetSummaryAsync("2026-03", "store", user: SalesShop.Of("bare", "seattle"), cancellationToken: Cancellation);
        Assert.Equal([("seattle", true), ("bare", false)], both.Groups.Select(group => (group.Group, group.Receipts > 0)));

        var one = Assert.Single((await shop.Tools.GetSummaryAsync("2025-05-05", "payment", user: SalesShop.Of("single"), cancellationToken: Cancellation)).Groups);
        Assert.Equal(("cash", "EUR", 1, 1, 10m, null), (one.Group, one.Currency, one.Receipts, one.Units, one.NetSales, one.ChangePercent));
        Assert.StartsWith("Nothing was bought together", (await shop.Tools.GetAffinityAsync(period: "2025-05", min_receipts: 1, user: SalesShop.Of("single"), cancellationToken: Cancellation)).Note);
        Assert.Null((await shop.Tools.GetTrendAsync("day", until: "2025-05-06", user: SalesShop.Of("single"), cancellationToken: Cancellation)).Trends[0].Forecast);
    }

    [Theory]
    [InlineData("revenue", null)]
    [InlineData("units", null)]
    [InlineData("margin", "Electronics")]
    [InlineData("returns", null)]
    [InlineData("revenue", "clothing")]
    public async Task The_top_products_are_those_of_the_receipts(string by, string? category)
    {
        var all = await shop.RowsAsync("""
            WITH signed AS (
                SELECT i.*, 1 - 2 * (i.original_item_id IS NOT NULL)::int AS sign
                  FROM retail.sales_transaction_items i JOIN retail.sales_transactions t USING (store_id, transaction_id)
                 WHERE t.store_id = ANY ($1) AND t.transaction_date >= $2 AND t.transaction_date < $3)
            SELECT p.store_id, p.sku, sum(sign * quantity)::bigint, sum(sign * (quantity * unit_price - discount_amount)),
                   sum(sign * (quantity * unit_price - discount_amount - quantity * cost)), sum((sign - 1) / 2 * total_price),
                   coalesce((SELECT category_name FROM retail.product_categories up WHERE up.category_id = c.parent_category_id), c.category_name)
              FROM signed JOIN retail.products p USING (store_id, product_id) JOIN retail.product_categories c USING (category_id)
             GROUP BY 1, 2, 7
            """, row => (Store: row.GetString(0), Sku: row.GetString(1), Units: row.GetInt64(2), Revenue: row.GetDecimal(3), Margin: row.GetDecimal(4), Returns: row.GetDecimal(5), Category: row.GetString(6)),
            SampleStores, StartOf(new(2026, 1, 1)), StartOf(new(2026, 4, 1)));
        var wanted = all.Where(product => category is null || product.Category.Equals(category, StringComparison.OrdinalIgnoreCase))
            .Select(product => (product, Measure: by switch { "revenue" => product.Revenue, "units" => product.Units, "margin" => product.Margin, _ => -product.Returns }))
            .Where(product => by != "returns" || product.Measure > 0).ToList();
        var expected = wanted
            .OrderByDescending(product => product.Measure).ThenByDescending(product => product.product.Revenue)
            .ThenBy(product => product.product.Store, StringComparer.Ordinal).ThenBy(product => product.product.Sku, StringComparer.Ordinal).Take(12).ToList();

        var answer = await shop.Tools.GetTopAsync(by, "2026-01/2026-03", category, limit: 12, user: SalesShop.Of(SampleStores), cancellationToken: Cancellation);
        Assert.Equal(
            expected.Select(top => (top.product.Store, top.product.Sku, top.product.Units, top.product.Revenue, (decimal?)top.product.Margin, top.product.Returns)),
            answer.Products.Select(top => (top.StoreId, top.Sku, top.Units, top.Revenue, top.Margin, top.Returns)));
        var total = wanted.Sum(product => product.Measure);
        Assert.Equal(new TopTotal("USD", by, by == "returns" ? -total : total, wanted.Count), Assert.Single(answer.Totals));
        Assert.All(expected.Zip(answer.Products), pair => Assert.Equal((double)(pair.First.Measure / total) * 100, (double)pair.Second.SharePercent!, tolerance: .0501));
    }

    [Theory]
    [InlineData("day", 28)]
    [InlineData("week", 26)]
    [InlineData("month", 24)]
    public async Task A_trend_is_what_its_receipts_say(string interval, int most)
    {
        var answer = await shop.Tools.GetTrendAsync(interval, 4, user: SalesShop.Of(SampleStores), cancellationToken: Cancellation);
        var trend = Assert.Single(answer.Trends);
        Assert.InRange(trend.Series.Count, Math.Min(most, 11), most);
        foreach (var point in trend.Series)
        {
            Assert.Equal((await ExpectAsync(SampleStores, point.From, SalesSeries.Next(point.From, interval).AddDays(-1))).Net, point.NetSales);
            Assert.True(interval == "day" || (interval == "week" ? point.From.DayOfWeek == DayOfWeek.Monday : point.From.Day == 1));
        }
        // The day that the tools think it is has not ended.
        Assert.True(SalesSeries.Next(trend.Series[^1].From, interval) <= SalesShop.LastSampleDay.AddDays(1));
        if (interval == "day")
        {
            Assert.Equal(7, trend.Seasonality.Count);
            Assert.Equal(100, (double)trend.Seasonality.Average(day => day.Index), tolerance: .1);
            var mondays = await shop.ScalarOfWeekdayAsync(SampleStores, StartOf(SalesShop.LastSampleDay.AddDays(-363)), 1);
            var everyday = await shop.ScalarOfWeekdayAsync(SampleStores, StartOf(SalesShop.LastSampleDay.AddDays(-363)), null);
            Assert.Equal((double)(mondays / everyday) * 700, (double)trend.Seasonality[0].Index, tolerance: .0501);
        }
        var forecast = trend.Forecast;
        if (interval == "day")
            Assert.Equal(SalesShop.LastSampleDay.AddDays(1), forecast!.Points[0].From);
        if (forecast is not null)
            Assert.All(forecast.Points, point => Assert.True(point.Low <= point.NetSales && point.NetSales <= point.High));
    }
}

static class SalesShopQueries
{
    /// <summary>Net sales of a weekday (ISO, Monday is 1), or of all, from a moment on.</summary>
    public static Task<decimal> ScalarOfWeekdayAsync(this SalesShop shop, string[] stores, DateTime from, int? weekday) => shop.Database.ScalarAsync<decimal>("""
        SELECT sum(subtotal) FROM retail.sales_transactions
         WHERE store_id = ANY ($1) AND transaction_date >= $2 AND ($3 = 0 OR extract(isodow FROM transaction_date AT TIME ZONE 'America/Los_Angeles') = $3)
        """, stores, from, weekday ?? 0);
}
