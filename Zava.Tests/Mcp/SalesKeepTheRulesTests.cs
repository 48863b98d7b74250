using Zava.Tests.Infrastructure;
using Zava.Tests.Seeding;
using static Zava.Tests.Infrastructure.WriteShop;

namespace Zava.Tests.Mcp;

/// <summary>After many sales the sample shop still keeps its own rules, each checked by one query over the whole database.</summary>
public sealed class SalesKeepTheRulesTests(SalesShop shop) : IClassFixture<SalesShop>
{
    static readonly string[] NotOfASale = ["sales are within the year, in opening hours of the store", "a tier says what was spent: nobody of a lower one spent more"];

    // The other stores of SalesShop have no stock and receipts without numbers.
    const string Stores = "('seattle', 'redmond', 'bellevue', 'online')";

    [Fact]
    public async Task Many_random_sales_at_once_keep_every_rule_of_the_sample_data()
    {
        await shop.Database.ExecuteAsync($"DELETE FROM retail.products WHERE store_id NOT IN {Stores}");
        var (sold, lacking) = (0, 0);
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("head-office"));
        await Parallel.ForEachAsync(Enumerable.Range(1, 200), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken }, async (seed, cancellation) =>
        {
            var random = new Random(seed);
            var store = random.GetItems(["seattle", "redmond", "online"], 1)[0];
            // A few products only, so that sales meet and some shelves get empty.
            var skus = await shop.RowsAsync("SELECT sku FROM retail.products WHERE store_id = $1 ORDER BY sku LIMIT 12", row => row.GetString(0), store);
            var customers = await shop.RowsAsync("SELECT customer_id FROM retail.customers WHERE store_id = $1 ORDER BY customer_id LIMIT 5", row => row.GetGuid(0), store);
            var result = await client.CallToolAsync("record_sale", new Dictionary<string, object?>
            {
                ["store_id"] = store,
                ["lines"] = random.GetItems([.. skus], random.Next(1, 6)).Select(sku => new
                {
                    sku,
                    quantity = random.Next(1, 4),
                    discount_percent = random.Next(3) == 0 ? random.Next(500, 2501) / 100m : (decimal?)null,
                }).ToArray(),
                ["payment_method"] = random.GetItems(["credit_card", "debit_card", "digital_wallet"], 1)[0],
                ["customer_id"] = random.Next(4) == 0 ? null : random.GetItems([.. customers], 1)[0],
                ["idempotency_key"] = $"random sale {seed}",
            }, cancellationToken: cancellation);
            if (result.IsError is not true)
                Interlocked.Increment(ref sold);
            else if (TextOf(result).Contains("in stock."))
                Interlocked.Increment(ref lacking);
            else
                Assert.Fail(TextOf(result));
        });
        Assert.InRange(sold, 30, 199);
        Assert.Equal(200, sold + lacking);
        Assert.Equal(5_000L + sold, await shop.Database.ScalarAsync<long>("SELECT count(*) FROM retail.sales_transactions"));
        var rules = SampleDataRulesTests.Rules.Select(row => row.Data).Where(rule => !NotOfASale.Contains(rule.Item1)).ToList();
        Assert.Equal(SampleDataRulesTests.Rules.Count - NotOfASale.Length, rules.Count);
        foreach (var (rule, violations) in rules)
            Assert.True(await shop.Database.ScalarAsync<long>(violations) == 0, rule);
    }
}
