using System.Text.Json;
using Zava.Tests.Infrastructure;
using static Zava.Tests.Infrastructure.WriteShop;

namespace Zava.Tests.Mcp;

/// <summary>Stock is changed by what came, went or was counted, and never to less than nothing.</summary>
public sealed class AdjustStockTests(WriteShop shop) : IClassFixture<WriteShop>
{
    [Theory]
    [InlineData("delivery", 7, 17)]
    [InlineData("damaged", -3, 7)]
    [InlineData("lost", -10, 0)]
    [InlineData("returned_to_supplier", -1, 9)]
    [InlineData("correction", 1, 11)]
    [InlineData("correction", -1, 9)]
    public async Task Stock_changes_by_what_came_or_went(string reason, int change, int after)
    {
        var sku = await shop.AddProductAsync(stock: 10);
        await using var client = await shop.ConnectAsync();
        var arguments = Adjustment(sku, change, reason);
        arguments["note"] = "as the label says";
        var answer = await AnswerAsync(client, "adjust_stock", arguments);
        Assert.Equal((10, change, after, 10, false), (
            answer.GetProperty("stock_before").GetInt32(), answer.GetProperty("change").GetInt32(), answer.GetProperty("current_stock").GetInt32(),
            answer.GetProperty("reorder_point").GetInt32(), answer.GetProperty("already_recorded").GetBoolean()));
        Assert.Equal(after, await shop.StockAsync(sku));
        Assert.Equal($"seattle {change} {after} {reason} as the label says", await shop.Database.ScalarAsync<string>("""
            SELECT concat_ws(' ', store_id, quantity_change, stock_after, reason, note) FROM retail.stock_adjustments JOIN retail.products USING (store_id, product_id) WHERE sku = $1
            """, sku));
    }

    [Theory]
    [InlineData(10, 4, -6)]
    [InlineData(10, 0, -10)]
    [InlineData(10, 12, 2)]
    [InlineData(10, 10, 0)]
    public async Task A_count_sets_the_stock_and_is_recorded_even_when_it_finds_what_was_expected(int stock, int counted, int change)
    {
        var sku = await shop.AddProductAsync(stock: stock);
        await using var client = await shop.ConnectAsync();
        var answer = await AnswerAsync(client, "adjust_stock", new()
        {
            ["product_id"] = await shop.ProductIdAsync(sku),
            ["new_quantity"] = counted,
            ["expected_stock"] = stock,
            ["reason"] = "counted",
            ["idempotency_key"] = NewKey(),
        });
        Assert.Equal((sku, change, counted), (answer.GetProperty("sku").GetString(), answer.GetProperty("change").GetInt32(), answer.GetProperty("current_stock").GetInt32()));
        Assert.Equal(counted, await shop.StockAsync(sku));
        Assert.Equal(change, await shop.Database.ScalarAsync<int>("SELECT quantity_change FROM retail.stock_adjustments WHERE product_id = $1", await shop.ProductIdAsync(sku)));
    }

    [Fact]
    public async Task A_product_that_was_never_stocked_has_none_and_a_sku_may_be_in_small_letters()
    {
        var sku = await shop.AddProductAsync();
        await shop.Database.ExecuteAsync("UPDATE retail.products SET current_stock = NULL, reorder_point = NULL WHERE sku = $1", sku);
        await using var client = await shop.ConnectAsync();
        var answer = await AnswerAsync(client, "adjust_stock", Adjustment(sku.ToLowerInvariant(), 5, "delivery"));
        Assert.Equal((0, 5, sku), (answer.GetProperty("stock_before").GetInt32(), answer.GetProperty("current_stock").GetInt32(), answer.GetProperty("sku").GetString()));
    }

    /// <summary>KEY, SKU and ID stand for a key, and for the SKU and id of a product of which there are 10.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { """{"sku": "SKU", "change": -11, "reason": "lost"}""", "change: -11 was sent, but the stock of SKU is 10, and must stay within 0 and 1000000. Nothing was changed. Allowed: -10 to 999990." },
        { """{"sku": "SKU", "change": 999991, "reason": "delivery"}""", "change: 999991 was sent, but the stock of SKU is 10, and must stay within 0 and 1000000." },
        { """{"sku": "SKU", "change": -1, "reason": "lost", "expected_stock": 9}""", "expected_stock: 9 was sent, but the stock of SKU is 10 now. Nothing was changed. Allowed: 10, if the change is still right, or left out." },
        { """{"sku": "SKU", "new_quantity": 3, "reason": "counted", "expected_stock": 3}""", "expected_stock: 3 was sent, but the stock of SKU is 10 now." },
        { """{"sku": "SKU", "product_id": "ID", "change": 1, "reason": "delivery"}""", "product_id, sku: exactly one of the two must be given." },
        { """{"change": 1, "reason": "delivery"}""", "product_id, sku: exactly one of the two must be given." },
        { """{"sku": "SKU", "reason": "lost"}""", "change, new_quantity: exactly one of the two must be given." },
        { """{"sku": "SKU", "change": 1, "new_quantity": 3, "reason": "counted"}""", "change, new_quantity: exactly one of the two must be given." },
        { """{"sku": "SKU", "change": 1, "reason": "counted"}""", "new_quantity: must be given with the reason counted, instead of change." },
        { """{"sku": "SKU", "new_quantity": 1, "reason": "lost"}""", "reason: 'lost' was sent with new_quantity. Allowed: counted; or change instead of new_quantity." },
        { """{"sku": "SKU", "change": 0, "reason": "correction"}""", "change: 0 was sent. Allowed: a whole number other than 0." },
        { """{"sku": "SKU", "change": -1, "reason": "delivery"}""", "change: -1 was sent. Allowed with the reason delivery: more than 0." },
        { """{"sku": "SKU", "change": 1, "reason": "damaged"}""", "change: 1 was sent. Allowed with the reason damaged: less than 0." },
        { """{"sku": "SKU", "change": 1, "reason": "stolen"}""", "reason: \"stolen\" was sent. Allowed: delivery, damaged, lost, returned_to_supplier, correction, counted." },
        { """{"sku": "SKU", "change": 1.5, "reason": "delivery"}""", "change: 1.5 was sent. Allowed: a whole number -1000000 to 1000000, or left out." },
        { """{"sku": "SKU", "new_quantity": -1, "reason": "counted"}""", "new_quantity: -1 was sent. Allowed: a whole number 0 to 1000000, or left out." },
        { """{"sku": "SKU", "change": 1, "reason": "delivery", "note": ""}""", "note: \"\" was sent. Allowed: a text of 1 to 200 characters, or left out." },
        { """{"sku": "SKU", "change": 1, "reason": "delivery", "idempotency_key": "short"}""", "idempotency_key: \"short\" was sent. Allowed: a text of 8 to 100 characters." },
        { """{"sku": "NO-SUCH", "change": 1, "reason": "delivery"}""", "sku: no product of this store has it; semantic_search_products finds products by description." },
        { """{"product_id": "3f2b8c1e-9a4d-4e6f-8b7a-1c2d3e4f5a6b", "change": 1, "reason": "delivery"}""", "product_id: no product of this store has it;" },
        { """{"sku": "SKU", "change": 1, "reason": "delivery", "store_id": "redmond"}""", "store_id: 'redmond' is not a store that you may see. Allowed: seattle." },
    };

    [Theory, MemberData(nameof(Refused))]
    public async Task What_does_not_fit_is_refused_with_what_is_allowed_and_changes_nothing(string arguments, string said)
    {
        var sku = await shop.AddProductAsync(stock: 10);
        var sent = JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments.Replace("SKU", sku).Replace("ID", (await shop.ProductIdAsync(sku)).ToString()))!;
        sent.TryAdd("idempotency_key", NewKey());
        var before = await shop.StateAsync();
        await using var client = await shop.ConnectAsync();
        Assert.StartsWith(said.Replace("SKU", sku), await ErrorAsync(client, "adjust_stock", sent));
        Assert.Equal(before, await shop.StateAsync());
    }

    [Fact]
    public async Task A_key_must_be_given()
    {
        await using var client = await shop.ConnectAsync();
        Assert.Equal("idempotency_key: is missing. Allowed: a text of 8 to 100 characters.",
            await ErrorAsync(client, "adjust_stock", new() { ["sku"] = "X", ["change"] = 1, ["reason"] = "delivery" }));
    }

    [Fact]
    public async Task Concurrent_changes_all_count_and_none_goes_below_zero()
    {
        var sku = await shop.AddProductAsync(stock: 5);
        await using var client = await shop.ConnectAsync();
        var results = await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            client.CallToolAsync("adjust_stock", Adjustment(sku, i % 2 == 0 ? 1 : -2, "correction"), cancellationToken: TestContext.Current.CancellationToken).AsTask()));
        var took = results.Where(result => result.IsError is not true).Sum(result => Assert.NotNull(result.StructuredContent).GetProperty("change").GetInt32());
        Assert.Equal(5 + took, await shop.StockAsync(sku));
        Assert.Equal(20, results.Count(result => result.IsError is not true && result.StructuredContent!.Value.GetProperty("change").GetInt32() == 1));
        Assert.Contains(results, result => result.IsError is true);
        Assert.All(results.Where(result => result.IsError is true), result => Assert.StartsWith("change: -2 was sent, but the stock", TextOf(result)));
        Assert.Equal(0L, await shop.Database.ScalarAsync<long>("SELECT count(*) FROM retail.stock_adjustments WHERE stock_after < 0"));
    }

    [Fact]
    public async Task Of_two_who_expect_the_same_stock_one_is_told_that_it_is_another()
    {
        var sku = await shop.AddProductAsync(stock: 5);
        await using var client = await shop.ConnectAsync();
        var results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ =>
        {
            var arguments = Adjustment(sku, -1, "lost");
            arguments["expected_stock"] = 5;
            return client.CallToolAsync("adjust_stock", arguments, cancellationToken: TestContext.Current.CancellationToken).AsTask();
        }));
        Assert.Single(results, result => result.IsError is not true);
        Assert.All(results.Where(result => result.IsError is true), result => Assert.StartsWith($"expected_stock: 5 was sent, but the stock of {sku} is 4 now.", TextOf(result)));
        Assert.Equal(4, await shop.StockAsync(sku));
    }
}
