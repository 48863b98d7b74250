using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
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

    [Theory]
    [InlineData("product")]
    [InlineData("category")]
    public async Task Affinities_are_those_of_the_baskets(string level)
    {
        var lines = (await shop.RowsAsync("""
            SELECT t.transaction_id, p.sku, c.category_name, coalesce(up.category_name, c.category_name)
              FROM retail.sales_transactions t JOIN retail.sales_transaction_items i USING (store_id, transaction_id) JOIN retail.products p USING (store_id, product_id)
              JOIN retail.product_categories c USING (category_id) LEFT JOIN retail.product_categories up ON up.category_id = c.parent_category_id
             WHERE t.store_id = 'seattle' AND transaction_type = 'sale' AND transaction_date >= $1 AND transaction_date < $2
            """, row => (Receipt: row.GetGuid(0), Sku: row.GetString(1), Category: row.GetString(2), Top: row.GetString(3)), StartOf(new(2025, 10, 1)), StartOf(new(2026, 4, 1))));
        string ItemOf((Guid, string Sku, string Category, string) line) => level == "product" ? line.Sku : line.Category;
        var baskets = lines.GroupBy(line => line.Receipt).Select(basket => basket.Select(ItemOf).ToHashSet()).ToList();
        int With(params string[] items) => baskets.Count(basket => items.All(basket.Contains));

        var pairs = await shop.Tools.GetAffinityAsync(level: level, period: "2025-10/2026-03", min_receipts: 2, limit: 20, user: SalesShop.Of("seattle"), cancellationToken: Cancellation);
        Assert.Equal(baskets.Count, Assert.Single(pairs.Baskets).Receipts);
        Assert.NotEmpty(pairs.Rules);
        Assert.Equal(pairs.Rules.OrderByDescending(rule => rule.Lift).Select(rule => rule.Lift), pairs.Rules.Select(rule => rule.Lift));
        foreach (var rule in pairs.Rules)
        {
            var (a, b) = level == "product" ? (rule.IfSku!, rule.ThenSku!) : (rule.IfBought, rule.ThenBought);
            Check(rule, With(a, b), With(a), With(b));
            Assert.True(rule.ReceiptsIf <= rule.ReceiptsThen);
        }
        // There is no stronger pair than the first.
        var singles = baskets.SelectMany(basket => basket).CountBy(item => item).ToDictionary();
        var best = baskets.SelectMany(basket => from a in basket from b in basket where string.CompareOrdinal(a, b) < 0 select (a, b)).CountBy(pair => pair)
            .Where(pair => pair.Value >= 2).Max(pair => (double)pair.Value * baskets.Count / ((double)singles[pair.Key.a] * singles[pair.Key.b]));
        Assert.Equal(best, (double)pairs.Rules[0].Lift, tolerance: .0051);

        if (level == "product")
        {
            var sku = pairs.Rules[0].IfSku!;
            var of = await shop.Tools.GetAffinityAsync(sku: sku.ToLowerInvariant(), period: "2025-10/2026-03", min_receipts: 1, limit: 50, user: SalesShop.Of("seattle"), cancellationToken: Cancellation);
            Assert.Equal(With(sku), Assert.Single(of.Baskets).WithIt);
            Assert.Equal(baskets.Where(basket => basket.Contains(sku)).SelectMany(basket => basket).Distinct().Where(item => item != sku).Order().Take(50), of.Rules.Select(rule => rule.ThenSku).Order());
            Assert.All(of.Rules, rule => Check(rule, With(sku, rule.ThenSku!), With(sku), With(rule.ThenSku!)));
        }
        else
        {
            var top = lines.GroupBy(line => line.Receipt).ToDictionary(basket => basket.Key, basket => basket.Select(line => line.Top).ToHashSet());
            var of = await shop.Tools.GetAffinityAsync(category: "electronics", level: level, period: "2025-10/2026-03", min_receipts: 1, user: SalesShop.Of("seattle"), cancellationToken: Cancellation);
            Assert.Equal(top.Values.Count(basket => basket.Contains("Electronics")), Assert.Single(of.Baskets).WithIt);
            Assert.NotEmpty(of.Rules);
            foreach (var rule in of.Rules)
            {
                Assert.Equal("Electronics", rule.IfBought);
                var then = lines.Where(line => line.Category == rule.ThenBought).Select(line => line.Receipt).Distinct().ToList();
                Assert.NotEqual("Electronics", lines.First(line => line.Category == rule.ThenBought).Top);
                Check(rule, then.Count(receipt => top[receipt].Contains("Electronics")), (int)of.Baskets[0].WithIt!, then.Count);
            }
        }

        void Check(AffinityRule rule, int both, int ifs, int thens)
        {
            Assert.Equal((both, ifs, thens), (rule.ReceiptsBoth, rule.ReceiptsIf, rule.ReceiptsThen));
            Assert.Equal(100.0 * both / baskets.Count, (double)rule.SupportPercent, tolerance: .000501);
            Assert.Equal(100.0 * both / ifs, (double)rule.ConfidencePercent, tolerance: .0501);
            Assert.Equal((double)both / ifs / ((double)thens / baskets.Count), (double)rule.Lift, tolerance: .00501);
        }
    }

    [Fact]
    public async Task Returned_and_exchanged_lines_are_in_no_basket()
    {
        await shop.AddAsync("single", "2021-01-01 10:00", ("A", 1, 0), ("B", 2, 0));
        await shop.AddAsync("single", "2021-01-02 10:00", ("A", 1, 0), ("B", 1, 0), ("B", 1, 0));
        await shop.AddAsync("single", "2021-01-03 10:00", ("C", 1, 0));
        await shop.AddAsync("single", "2021-01-03 11:00", ("D", 1, 0));
        await shop.AddAsync("single", "2021-01-04 10:00", ("A", -1, 0), ("B", -1, 0));
        await shop.AddAsync("single", "2021-01-05 10:00", ("A", -1, 0), ("C", 1, 0));
        var answer = await shop.Tools.GetAffinityAsync(sku: "A", period: "2021", min_receipts: 1, user: SalesShop.Of("single"), cancellationToken: Cancellation);
        Assert.Equal(new("single", null, "A", "B", "B", 2, 2, 2, 50, 100, 2), Assert.Single(answer.Rules));
        Assert.Equal(new("single", 4, 2), Assert.Single(answer.Baskets));
        Assert.Empty((await shop.Tools.GetAffinityAsync(sku: "A", period: "2021", user: SalesShop.Of("single"), cancellationToken: Cancellation)).Rules);
        // D is of no category: it is in its basket, and in no pair of categories.
        var categories = await shop.Tools.GetAffinityAsync(level: "category", period: "2021", min_receipts: 1, user: SalesShop.Of("single"), cancellationToken: Cancellation);
        Assert.Equal(("Electronics", "Clothing", 2, 3), Assert.Single(categories.Rules) is var rule ? (rule.IfBought, rule.ThenBought, rule.ReceiptsIf, rule.ReceiptsThen) : default);
    }

    [Fact]
    public async Task Another_stores_products_and_categories_give_nothing()
    {
        await shop.AddAsync("solo", "2020-01-01 16:00", ("B", 1, 0), ("C", 1, 0));
        await shop.AddAsync("single", "2020-01-01 16:00", ("A", 1, 0));
        var theirs = await shop.Database.ScalarAsync<Guid>("SELECT product_id FROM retail.products WHERE store_id = 'solo' AND sku = 'B'");
        var single = SalesShop.Of("single");
        foreach (var (product, sku) in ((Guid?, string?)[])[(theirs, null), (Guid.NewGuid(), null), (null, "NO-SUCH")])
            Assert.Equal("product_id, sku: no product that you may see has it; semantic_search_products finds products by description.",
                (await Assert.ThrowsAsync<McpException>(() => shop.Tools.GetAffinityAsync(product, sku, period: "2020", user: single, cancellationToken: Cancellation))).Message);
        Assert.Empty((await shop.Tools.GetTopAsync(period: "2020", category: "Clothing", user: single, cancellationToken: Cancellation)).Products);
        Assert.Equal(0, Assert.Single((await shop.Tools.GetAffinityAsync(category: "Clothing", period: "2020", user: single, cancellationToken: Cancellation)).Baskets).WithIt);
        Assert.DoesNotContain(Assert.Single((await shop.Tools.GetTrendAsync("month", until: "2020-01-31", category: "Clothing", user: single, cancellationToken: Cancellation)).Trends).Series, point => point.NetSales != 0);
        Assert.Equal(["A"], (await shop.Tools.GetTopAsync(period: "2020", user: single, cancellationToken: Cancellation)).Products.Select(product => product.Sku));
        Assert.Equal(1, Assert.Single((await shop.Tools.GetSummaryAsync("2020", user: single, cancellationToken: Cancellation)).Totals).Current.Receipts);
        foreach (var ask in (Func<string, Task>[])[
            store => shop.Tools.GetSummaryAsync(store_id: store, user: single, cancellationToken: Cancellation),
            store => shop.Tools.GetTopAsync(store_id: store, user: single, cancellationToken: Cancellation),
            store => shop.Tools.GetTrendAsync(store_id: store, user: single, cancellationToken: Cancellation),
            store => shop.Tools.GetAffinityAsync(store_id: store, user: single, cancellationToken: Cancellation)])
            foreach (var store in (string[])["solo", "nowhere", "*", "single,solo"])
                Assert.Equal($"store_id: '{store}' is not a store that you may see. Allowed: single.", (await Assert.ThrowsAsync<McpException>(() => ask(store))).Message);
    }

    public static TheoryData<string, string, string> BadArguments => new()
    {
        { "get_sales_summary", """{"period": "soon"}""", "period: 'soon' is not a period. Allowed: today, yesterday," },
        { "get_sales_summary", """{"period": "2026-02-30"}""", "period: '2026-02-30' is not a period." },
        { "get_sales_summary", """{"period": "x"}""", "period: \"x\" was sent. Allowed: a text of 4 to 21 characters" },
        { "get_sales_summary", """{"period": "2020/2026"}""", "period: '2020/2026' has 2557 days. Allowed: 1 to 1100 days" },
        { "get_sales_summary", """{"group_by": "brand"}""", "group_by: \"brand\" was sent. Allowed: day, week, month, hour, category, payment, store, or left out." },
        { "get_sales_summary", """{"group_by": "day", "period": "2025"}""", "group_by: day gives more than 62 groups in 365 days. Allowed: week, month" },
        { "get_top_products", """{"by": "profit"}""", "by: \"profit\" was sent. Allowed: revenue, units, margin, returns." },
        { "get_top_products", """{"limit": 51}""", "limit: 51 was sent. Allowed: a whole number 1 to 50" },
        { "get_top_products", """{"category": "Elektronik"}""", "category: there is no category of this name. Allowed: Automotive, Books & Media," },
        { "get_sales_trend", """{"interval": "hour"}""", "interval: \"hour\" was sent. Allowed: day, week, month." },
        { "get_sales_trend", """{"until": "31.03.2026"}""", "until: it is not a day. Allowed: an ISO 8601 date such as 2026-03-31" },
        { "get_sales_trend", """{"forecast": -1}""", "forecast: -1 was sent. Allowed: a whole number 0 to 28" },
        { "get_basket_affinity", """{"sku": "A", "category": "Clothing"}""", "product_id, sku, category: more than one was given." },
        { "get_basket_affinity", """{"product_id": "A"}""", "product_id: \"A\" was sent. Allowed: a UUID" },
        { "get_basket_affinity", """{"level": null}""", "level: null was sent. Allowed: product, category." },
        { "get_basket_affinity", """{"min_receipts": 0}""", "min_receipts: 0 was sent. Allowed: a whole number 1 to 1000" },
    };

    [Theory, MemberData(nameof(BadArguments))]
    public async Task A_bad_argument_is_named_with_what_is_allowed(string tool, string arguments, string said)
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("seattle-manager"));
        var result = await client.CallToolAsync(tool, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments), cancellationToken: Cancellation);
        Assert.True(result.IsError);
        Assert.StartsWith(said, Assert.IsType<TextContentBlock>(result.Content[0]).Text);
    }

    [Fact]
    public async Task Tools_and_typical_answers_are_small_and_answers_are_as_the_schema_says()
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("head-office"));
        var tools = await client.ListToolsAsync(cancellationToken: Cancellation);
        foreach (var (name, arguments) in ((string, Dictionary<string, object?>)[])[
            ("get_sales_summary", new() { ["period"] = "2026-03", ["group_by"] = "category" }),
            ("get_sales_summary", new() { ["period"] = "2026-03-18/2026-03-31", ["group_by"] = "day", ["store_id"] = "seattle" }),
            ("get_top_products", new() { ["period"] = "2026-03", ["store_id"] = "seattle" }),
            ("get_sales_trend", new() { ["until"] = "2026-03-31", ["store_id"] = "seattle" }),
            ("get_sales_trend", new() { ["until"] = "2026-03-31", ["interval"] = "day", ["store_id"] = "online" }),
            ("get_basket_affinity", new() { ["period"] = "2025-04/2026-03", ["store_id"] = "online", ["level"] = "category" })])
        {
            var tool = tools.Single(tool => tool.Name == name);
            var result = await client.CallToolAsync(name, arguments, cancellationToken: Cancellation);
            Assert.False(result.IsError ?? false, Assert.IsType<TextContentBlock>(result.Content[0]).Text);
            var answer = Assert.NotNull(result.StructuredContent);
            Assert.Equal(
                tool.ProtocolTool.OutputSchema!.Value.GetProperty("properties").EnumerateObject().Select(property => property.Name).Order(),
                answer.EnumerateObject().Select(property => property.Name).Order());
            // About three characters of JSON are a token; docs count exactly.
            TestContext.Current.SendDiagnosticMessage("{0}: {1} characters, answer {2}", name, $"{name}{tool.Description}{tool.JsonSchema}".Length, answer.GetRawText().Length);
            Assert.True($"{name}{tool.Description}{tool.JsonSchema}".Length < 2400, $"{name}: {tool.Description}{tool.JsonSchema}");
            Assert.True(answer.GetRawText().Length < 4500, $"{name}: {answer.GetRawText().Length} characters");
        }
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
