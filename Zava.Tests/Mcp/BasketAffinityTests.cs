using Zava.McpServer.Sales;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Support, confidence and lift, counted a second time basket by basket.</summary>
public sealed class BasketAffinityTests(SalesShop shop) : IClassFixture<SalesShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    static DateTime StartOf(DateOnly day) =>
        TimeZoneInfo.ConvertTimeToUtc(day.ToDateTime(default), TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles"));

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
}
