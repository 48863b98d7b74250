using System.Text.Json;
using Zava.Tests.Infrastructure;
using static Zava.Tests.Infrastructure.WriteShop;

namespace Zava.Tests.Mcp;

/// <summary>A change is made once for its key, however often, and by however many at once, the call is sent.</summary>
public sealed class IdempotencyTests(WriteShop shop) : IClassFixture<WriteShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    const string Conflict = "idempotency_key: you have sent this key before, with other arguments. Nothing was changed. Send a new key for a new change, and the same only to repeat a call as it was.";

    public static TheoryData<string> Tools => ["adjust_stock", "record_sale"];

    static Dictionary<string, object?> Call(string tool, string sku) => tool == "record_sale" ? Sale((sku, 1)) : Adjustment(sku, -1, "lost");

    /// <summary>An answer as it was the first time.</summary>
    static string First(JsonElement answer) => answer.GetRawText().Replace("\"already_recorded\":true", "\"already_recorded\":false");

    [Theory, MemberData(nameof(Tools))]
    public async Task A_call_that_is_repeated_gets_the_first_answer_and_changes_nothing(string tool)
    {
        var sku = await shop.AddProductAsync(stock: 1);
        var call = Call(tool, sku);
        await using var client = await shop.ConnectAsync();
        var first = await AnswerAsync(client, tool, call);
        Assert.False(first.GetProperty("already_recorded").GetBoolean());
        var after = await shop.StateAsync();
        // Even where it could not be carried out now.
        await shop.Database.ExecuteAsync("UPDATE retail.products SET is_active = FALSE, updated_at = updated_at WHERE sku = $1", sku);
        var state = await shop.StateAsync();
        Assert.NotEqual(after, state);
        var again = await AnswerAsync(client, tool, call);
        Assert.True(again.GetProperty("already_recorded").GetBoolean());
        Assert.Equal(first.GetRawText(), First(again));
        Assert.Equal(state, await shop.StateAsync());
    }

    [Theory, MemberData(nameof(Tools))]
    public async Task A_key_with_other_arguments_is_refused(string tool)
    {
        var (sku, other) = (await shop.AddProductAsync(), await shop.AddProductAsync());
        var call = Call(tool, sku);
        await using var client = await shop.ConnectAsync();
        await AnswerAsync(client, tool, call);
        var state = await shop.StateAsync();
        var changed = Call(tool, other);
        changed["idempotency_key"] = call["idempotency_key"];
        Assert.Equal(Conflict, await ErrorAsync(client, tool, changed));
        var noted = new Dictionary<string, object?>(call) { [tool == "record_sale" ? "register_id" : "note"] = "REG2" };
        Assert.Equal(Conflict, await ErrorAsync(client, tool, noted));
        Assert.Equal(state, await shop.StateAsync());
    }

    [Theory, MemberData(nameof(Tools))]
    public async Task A_refused_call_leaves_its_key_free(string tool)
    {
        var sku = await shop.AddProductAsync(stock: 0);
        var call = Call(tool, sku);
        await using var client = await shop.ConnectAsync();
        await ErrorAsync(client, tool, call);
        await AnswerAsync(client, "adjust_stock", Adjustment(sku, 1, "delivery"));
        Assert.False((await AnswerAsync(client, tool, call)).GetProperty("already_recorded").GetBoolean());
    }

    [Theory, MemberData(nameof(Tools))]
    public async Task The_same_call_sent_many_times_at_once_is_carried_out_once(string tool)
    {
        var sku = await shop.AddProductAsync(stock: 10);
        var call = Call(tool, sku);
        var clients = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => shop.ConnectAsync()));
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => AnswerAsync(clients[i % 4], tool, call)));
        Assert.Single(answers, answer => !answer.GetProperty("already_recorded").GetBoolean());
        Assert.Single(answers.Select(First).Distinct());
        Assert.Equal(9, await shop.StockAsync(sku));
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task A_key_is_its_users_its_tools_and_its_stores()
    {
        var sku = await shop.AddProductAsync();
        await shop.AddProductAsync("redmond", sku: sku);
        var sale = Sale((sku, 1));
        var adjustment = Adjustment(sku, -1, "lost");
        adjustment["idempotency_key"] = sale["idempotency_key"];
        var elsewhere = new Dictionary<string, object?>(sale) { ["store_id"] = "redmond" };
        await using var ada = await shop.ConnectAsync("ada", ["seattle", "redmond"]);
        await using var eve = await shop.ConnectAsync("eve", ["seattle"]);
        sale["store_id"] = adjustment["store_id"] = "seattle";
        List<JsonElement> answers =
        [
            await AnswerAsync(ada, "record_sale", sale), await AnswerAsync(ada, "adjust_stock", adjustment), await AnswerAsync(ada, "record_sale", elsewhere),
            // Another user, who guessed the key and the arguments, learns nothing of Ada's receipt: this is a sale of Eve's.
            await AnswerAsync(eve, "record_sale", sale),
        ];
        Assert.All(answers, answer => Assert.False(answer.GetProperty("already_recorded").GetBoolean()));
        Assert.NotEqual(answers[0].GetProperty("transaction_id").GetGuid(), answers[3].GetProperty("transaction_id").GetGuid());
        Assert.Equal((7, 9), (await shop.StockAsync(sku), await shop.StockAsync(sku, "redmond")));
    }

    [Fact]
    public async Task Two_calls_with_one_key_for_different_goods_cannot_both_be_carried_out()
    {
        var (a, b) = (await shop.AddProductAsync(), await shop.AddProductAsync());
        await using var client = await shop.ConnectAsync();
        await AnswerAsync(client, "record_sale", Sale((a, 1))); // the store has a receipt number to lock
        await using var holder = await shop.Database.As(null).OpenConnectionAsync(Cancellation);
        await holder.ExecuteAsync("BEGIN; SELECT FROM retail.receipt_numbers WHERE store_id = 'seattle' FOR UPDATE");
        var (one, other) = (Sale((a, 1)), Sale((b, 1)));
        other["idempotency_key"] = one["idempotency_key"];
        var calls = new[] { one, other }.Select(sale => client.CallToolAsync("record_sale", sale, cancellationToken: Cancellation).AsTask()).ToList();
        // Both have looked for the key and found none.
        await WaitingAsync(2);
        await holder.ExecuteAsync("COMMIT");
        var results = await Task.WhenAll(calls);
        var refused = Assert.Single(results, result => result.IsError is true);
        Assert.Equal("idempotency_key: another call with this key was carried out at the same time. Nothing was changed. Allowed: a new key for a new change.", TextOf(refused));
        Assert.Equal(10 + 9 - 1, await shop.StockAsync(a) + await shop.StockAsync(b));
    }

    [Fact]
    public async Task Who_waits_too_long_for_another_change_is_told_to_repeat_the_call()
    {
        var sku = await shop.AddProductAsync();
        await using var client = await shop.ConnectAsync();
        await using var holder = await shop.Database.As(null).OpenConnectionAsync(Cancellation);
        await holder.ExecuteAsync("BEGIN; SELECT FROM retail.products WHERE sku = $1 FOR UPDATE".Replace("$1", $"'{sku}'"));
        var call = Adjustment(sku, -1, "lost");
        Assert.Equal("Another change of the same goods is not done yet. Nothing was changed; send the same call again, with the same idempotency_key.", await ErrorAsync(client, "adjust_stock", call));
        await holder.ExecuteAsync("ROLLBACK");
        Assert.False((await AnswerAsync(client, "adjust_stock", call)).GetProperty("already_recorded").GetBoolean());
    }

    [Fact]
    public async Task An_answer_is_kept_for_seven_days_and_removed_with_the_stores_next_change()
    {
        var (sku, elsewhere) = (await shop.AddProductAsync(), await shop.AddProductAsync("redmond"));
        await using var client = await shop.ConnectAsync("head-office");
        var keys = new List<string>();
        foreach (var (product, store) in ((string, string)[])[(sku, "seattle"), (sku, "seattle"), (elsewhere, "redmond")])
        {
            var call = Adjustment(product, 1, "delivery");
            call["store_id"] = store;
            await AnswerAsync(client, "adjust_stock", call);
            keys.Add((string)call["idempotency_key"]!);
        }
        foreach (var (key, age) in ((string, string)[])[(keys[0], "6 days 23 hours"), (keys[1], "7 days 1 minute"), (keys[2], "8 days")])
            await shop.Database.ExecuteAsync($"UPDATE retail.idempotent_writes SET created_at = now() - interval '{age}' WHERE idempotency_key = $1", key);
        var next = Adjustment(sku, 1, "delivery");
        next["store_id"] = "seattle";
        await AnswerAsync(client, "adjust_stock", next);
        Assert.Equal([keys[0], keys[2]], await KeptAsync());

        async Task<List<string>> KeptAsync()
        {
            var kept = new List<string>();
            foreach (var key in keys)
                if (await shop.Database.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM retail.idempotent_writes WHERE idempotency_key = $1)", key))
                    kept.Add(key);
            return kept;
        }
    }

    [Fact]
    public async Task A_change_is_on_record_with_tool_user_store_and_trace()
    {
        var (sku, customer) = (await shop.AddProductAsync(), await shop.AddCustomerAsync());
        var sale = Sale((sku, 1));
        (sale["customer_id"], sale["store_id"]) = (customer, "seattle");
        await using var client = await shop.ConnectAsync("audited", ["seattle", "redmond"]);
        await AnswerAsync(client, "record_sale", sale);
        // A repeated call changes nothing, and so records nothing but that it came.
        await AnswerAsync(client, "record_sale", sale);
        Assert.Equal("customers UPDATE, products UPDATE, sales_transaction_items INSERT, sales_transactions INSERT, security_context store_context_set, security_context store_context_set",
            await shop.Database.ScalarAsync<string>("""
                SELECT string_agg(table_name || ' ' || action, ', ' ORDER BY table_name) FROM retail.audit_log
                 WHERE acting_user = 'audited' AND tool = 'record_sale' AND store_id = 'seattle' AND user_name = 'mcp_user' AND trace_id ~ '^[0-9a-f]{32}$'
                """));
        Assert.Equal("10 9", await shop.Database.ScalarAsync<string>("""
            SELECT concat_ws(' ', old_values ->> 'current_stock', new_values ->> 'current_stock') FROM retail.audit_log WHERE acting_user = 'audited' AND tool = 'record_sale' AND table_name = 'products'
            """));
        await AnswerAsync(client, "adjust_stock", new(Adjustment(sku, -2, "damaged")) { ["store_id"] = "seattle" });
        Assert.Equal("products UPDATE, security_context store_context_set, stock_adjustments INSERT damaged", await shop.Database.ScalarAsync<string>("""
            SELECT string_agg(concat_ws(' ', table_name, action, new_values ->> 'reason'), ', ' ORDER BY table_name) FROM retail.audit_log
             WHERE acting_user = 'audited' AND tool = 'adjust_stock' AND store_id = 'seattle' AND trace_id ~ '^[0-9a-f]{32}$'
            """));
        // The trace is that of the call.
        await Eventually.EqualAsync(2L, () => shop.Database.ScalarAsync<long>("""
            SELECT count(*) FROM retail.tool_calls c
             WHERE user_name = 'audited' AND tool = 'record_sale' AND store_id = 'seattle' AND outcome = 'ok'
               AND EXISTS (SELECT FROM retail.audit_log a WHERE a.trace_id = c.trace_id AND a.acting_user = 'audited')
            """));
    }

    Task WaitingAsync(long count) => Eventually.EqualAsync(count, () => shop.Database.ScalarAsync<long>("""
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'mcp_user' AND wait_event_type = 'Lock'
        """));
}
