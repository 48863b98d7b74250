using System.Net;
using System.Text.Json;
using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;
using static Zava.Tests.Infrastructure.WriteShop;

namespace Zava.Tests.Isolation;

/// <summary>Who may write in one store changes nothing in another, learns nothing of it, and writes under nobody else's name.</summary>
public sealed class WriteTests(WriteShop shop) : IClassFixture<WriteShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Calls => new()
    {
        { "adjust_stock", """{"product_id": "ID", "change": -1, "reason": "lost"}""" },
        { "adjust_stock", """{"sku": "SKU", "new_quantity": 0, "reason": "counted"}""" },
        { "adjust_stock", """{"sku": "SKU", "change": 1, "reason": "delivery", "expected_stock": 3}""" },
        { "record_sale", """{"lines": [{"product_id": "ID", "quantity": 1}], "payment_method": "cash"}""" },
        { "record_sale", """{"lines": [{"sku": "SKU", "quantity": 100}], "payment_method": "cash"}""" },
        { "record_sale", """{"lines": [{"sku": "OWN", "quantity": 1}], "payment_method": "cash", "customer_id": "CUSTOMER"}""" },
    };

    [Theory, MemberData(nameof(Calls))]
    public async Task Another_stores_goods_and_customers_are_refused_in_the_words_for_those_that_do_not_exist(string tool, string arguments)
    {
        var (own, theirs) = (await shop.AddProductAsync(), await shop.AddProductAsync("redmond", stock: 3));
        var (id, customer) = (await shop.ProductIdAsync(theirs, "redmond"), await shop.AddCustomerAsync("redmond"));
        var before = await shop.StateAsync();
        await using var client = await shop.ConnectAsync();
        async Task<string> SaidAsync(string sku, Guid product, Guid buyer)
        {
            var call = JsonSerializer.Deserialize<Dictionary<string, object?>>(
                arguments.Replace("SKU", sku).Replace("ID", product.ToString()).Replace("CUSTOMER", buyer.ToString()).Replace("OWN", own))!;
            call["idempotency_key"] = NewKey();
            return await ErrorAsync(client, tool, call);
        }
        Assert.Equal(await SaidAsync("NO-SUCH", Guid.NewGuid(), Guid.NewGuid()), await SaidAsync(theirs, id, customer));
        Assert.Equal(before, await shop.StateAsync());
    }

    [Theory, InlineData("adjust_stock"), InlineData("record_sale")]
    public async Task A_change_is_made_in_one_store_that_the_token_names(string tool)
    {
        var sku = await shop.AddProductAsync();
        await shop.AddProductAsync("redmond", sku: sku);
        var call = tool == "record_sale" ? Sale((sku, 1)) : Adjustment(sku, -1, "lost");
        var before = await shop.StateAsync();
        await using (var several = await shop.ConnectAsync("several", ["seattle", "redmond"]))
        {
            Assert.Equal("store_id: it must be given, because a change is made in one store. Allowed: redmond, seattle.", await ErrorAsync(several, tool, call));
            foreach (var store in (string[])["online", "*", "seattle,redmond", "nowhere"])
                Assert.EndsWith("is not a store that you may see. Allowed: redmond, seattle.", await ErrorAsync(several, tool, new(call) { ["store_id"] = store }));
        }
        await using (var every = await shop.ConnectAsync("head-office"))
        {
            Assert.Equal("store_id: it must be given, because a change is made in one store. Allowed: a store_id that list_stores returns.", await ErrorAsync(every, tool, call));
            Assert.Contains("'nowhere' does not exist or is not active", await ErrorAsync(every, tool, new(call) { ["store_id"] = "nowhere" }));
            Assert.Equal(before, await shop.StateAsync());
            Assert.Equal("redmond", (await AnswerAsync(every, tool, new(call) { ["store_id"] = "redmond" })).GetProperty("store_id").GetString());
        }
        Assert.Equal((10, 9), (await shop.StockAsync(sku), await shop.StockAsync(sku, "redmond")));
    }

    [Theory]
    [InlineData("adjust_stock", "catalog.read sales.read sales.write sales.sql customers.read")]
    [InlineData("record_sale", "catalog.read sales.read inventory.write sales.sql customers.read")]
    public async Task A_tool_is_hidden_from_and_forbidden_to_whom_lacks_its_scope(string tool, string scope)
    {
        var sku = await shop.AddProductAsync();
        var before = await shop.StateAsync();
        await using var client = await shop.ConnectAsync("reader", ["seattle"], scope);
        Assert.DoesNotContain(await client.ListToolsAsync(cancellationToken: Cancellation), listed => listed.Name == tool);
        var refused = await Assert.ThrowsAsync<HttpRequestException>(async () => await client.CallToolAsync(
            tool, tool == "record_sale" ? Sale((sku, 1)) : Adjustment(sku, 1, "delivery"), cancellationToken: Cancellation));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(before, await shop.StateAsync());
    }

    /// <summary>SQL of an attacker who got hold of the application's login and a context of Seattle.</summary>
    [Theory]
    [InlineData("INSERT INTO retail.stock_adjustments (store_id, product_id, quantity_change, stock_after, reason) SELECT 'redmond', product_id, 1, 1, 'delivery' FROM retail.products", "42501")]
    [InlineData("INSERT INTO retail.idempotent_writes (store_id, tool, acting_user, idempotency_key, request_hash, result) VALUES ('redmond', 'x', 'x', 'x', '', '{}')", "42501")]
    [InlineData("INSERT INTO retail.receipt_numbers VALUES ('redmond', 7)", "42501")]
    [InlineData("UPDATE retail.idempotent_writes SET result = '{}'", "42501")]
    [InlineData("UPDATE retail.stock_adjustments SET reason = 'lost'", "42501")]
    [InlineData("DELETE FROM retail.stock_adjustments", "42501")]
    [InlineData("DELETE FROM retail.receipt_numbers", "42501")]
    public async Task What_a_write_left_in_its_store_is_not_written_by_others_nor_changed(string sql, string refusal)
    {
        await shop.AddProductAsync();
        await using var connection = await OpenAsync("seattle", "mallory");
        Assert.Equal(refusal, (await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync(sql))).SqlState);
    }

    [Fact]
    public async Task What_a_write_left_is_read_in_its_store_only_and_without_a_context_nothing_is_written()
    {
        var sku = await shop.AddProductAsync("redmond");
        await using (var client = await shop.ConnectAsync("redmond-manager"))
        {
            await AnswerAsync(client, "record_sale", Sale((sku, 1)));
            await AnswerAsync(client, "adjust_stock", Adjustment(sku, 1, "delivery"));
        }
        await using var connection = await OpenAsync("seattle", "mallory");
        foreach (var table in (string[])["stock_adjustments", "idempotent_writes", "receipt_numbers"])
        {
            Assert.NotEqual(0L, await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM retail.{table} WHERE store_id = 'redmond'"));
            Assert.Equal(0L, await connection.ScalarAsync($"SELECT count(*) FROM retail.{table} WHERE store_id = 'redmond'"));
        }
        Assert.Equal(0, await connection.ExecuteAsync("DELETE FROM retail.idempotent_writes WHERE store_id = 'redmond'"));
        await connection.ExecuteAsync("ROLLBACK");

        var before = await shop.StateAsync();
        await using var bare = await shop.Database.As(DatabaseRole.Application).OpenConnectionAsync(Cancellation);
        Assert.Contains("no product of this store has it", Assert.IsType<string>(await bare.ScalarAsync(
            "SELECT retail.adjust_stock('redmond', 'a key of mine', '', NULL, $1, -1, NULL, NULL, 'lost', NULL)::text", sku)));
        Assert.Equal(before, await shop.StateAsync());
    }

    [Fact]
    public async Task A_function_called_for_another_store_than_the_contexts_finds_nothing_and_the_user_is_the_contexts()
    {
        var sku = await shop.AddProductAsync("redmond");
        var key = NewKey();
        await using (var client = await shop.ConnectAsync("redmond-manager"))
            await AnswerAsync(client, "adjust_stock", new() { ["sku"] = sku, ["change"] = 1, ["reason"] = "delivery", ["idempotency_key"] = key });
        // The hash and key of Redmond's manager, as another store's caller and as another caller of the store.
        var hash = await shop.Database.ScalarAsync<byte[]>("SELECT request_hash FROM retail.idempotent_writes WHERE idempotency_key = $1", key);
        foreach (var (store, user) in ((string, string)[])[("seattle", "redmond.manager@zava.example"), ("redmond", "mallory")])
        {
            await using var connection = await OpenAsync(store, user);
            Assert.Equal(DBNull.Value, await connection.ScalarAsync("SELECT retail.find_idempotent_write('redmond', $1, $2)::text", key, hash));
        }
        await using var same = await OpenAsync("redmond", "redmond.manager@zava.example");
        Assert.Contains(sku, Assert.IsType<string>(await same.ScalarAsync("SELECT retail.find_idempotent_write('redmond', $1, $2)::text", key, hash)));
    }

    async Task<NpgsqlConnection> OpenAsync(string store, string user)
    {
        var connection = await shop.Database.As(DatabaseRole.Application).OpenConnectionAsync(Cancellation);
        await connection.ExecuteAsync("BEGIN");
        var context = new TenantContext(StoreSet.Of(store), user, "adjust_stock");
        await connection.ScalarAsync("SELECT retail.set_store_context($1)", new ContextSealer(shop.Database.Key, TimeProvider.System).Seal(context, connection.ProcessID));
        return connection;
    }
}
