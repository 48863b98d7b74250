using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Zava.Tests.Infrastructure;

/// <summary>A shop whose every row a test made, behind the real server, and clients that change it.</summary>
public sealed class WriteShop(DatabaseTemplate template) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public RunningServer Server { get; private set; } = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Database = await template.CreateDatabaseAsync();
        Server = await RunningServer.StartAsync(Database);
    }

    public Task<McpClient> ConnectAsync(string persona = "seattle-manager") => Server.ConnectAsync(Server.TokenOf(persona));

    public Task<McpClient> ConnectAsync(string user, string[] stores, string scope = "sales.write inventory.write") => Server.ConnectAsync(
        Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = user, ["stores"] = stores, ["scope"] = scope }));

    /// <summary>Adds a product with a stock and a price, of a SKU that is its own.</summary>
    public async Task<string> AddProductAsync(string store = "seattle", int stock = 10, decimal price = 9.99m, string? sku = null)
    {
        sku ??= $"T-{Guid.NewGuid():N}".ToUpperInvariant();
        await Database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price, current_stock) VALUES ($1, $2, 'Thing', $3, $4)", store, sku, price, stock);
        return sku;
    }

    public Task<Guid> AddCustomerAsync(string store = "seattle") => Database.ScalarAsync<Guid>(
        "INSERT INTO retail.customers (store_id, first_name, last_name, email) VALUES ($1, 'Ada', 'B', gen_random_uuid() || '@example.com') RETURNING customer_id", store);

    public Task<int> StockAsync(string sku, string store = "seattle") =>
        Database.ScalarAsync<int>("SELECT current_stock FROM retail.products WHERE store_id = $1 AND sku = $2", store, sku);

    public Task<Guid> ProductIdAsync(string sku, string store = "seattle") =>
        Database.ScalarAsync<Guid>("SELECT product_id FROM retail.products WHERE store_id = $1 AND sku = $2", store, sku);

    /// <summary>All that a write could change, in one value.</summary>
    public Task<string> StateAsync() => Database.ScalarAsync<string>("""
        SELECT md5(concat((SELECT string_agg(p::text, '' ORDER BY store_id, product_id) FROM retail.products p),
                          (SELECT string_agg(c::text, '' ORDER BY store_id, customer_id) FROM retail.customers c),
                          (SELECT string_agg(t::text, '' ORDER BY store_id, transaction_id) FROM retail.sales_transactions t),
                          (SELECT string_agg(i::text, '' ORDER BY store_id, item_id) FROM retail.sales_transaction_items i),
                          (SELECT string_agg(a::text, '' ORDER BY store_id, adjustment_id) FROM retail.stock_adjustments a),
                          (SELECT string_agg(n::text, '' ORDER BY store_id) FROM retail.receipt_numbers n),
                          (SELECT string_agg(w::text, '' ORDER BY store_id, tool, acting_user, idempotency_key) FROM retail.idempotent_writes w)))
        """);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Database.DisposeAsync();
    }

    public static string NewKey() => Guid.NewGuid().ToString();

    /// <summary>Arguments of record_sale with a new key, in cash.</summary>
    public static Dictionary<string, object?> Sale(params (string Sku, int Quantity)[] lines) => new()
    {
        ["lines"] = lines.Select(line => new { sku = line.Sku, quantity = line.Quantity }).ToArray(),
        ["payment_method"] = "cash",
        ["idempotency_key"] = NewKey(),
    };

    /// <summary>Arguments of adjust_stock with a new key.</summary>
    public static Dictionary<string, object?> Adjustment(string sku, int change, string reason) =>
        new() { ["sku"] = sku, ["change"] = change, ["reason"] = reason, ["idempotency_key"] = NewKey() };

    public static async Task<JsonElement> AnswerAsync(McpClient client, string tool, Dictionary<string, object?> arguments)
    {
        var result = await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
        Assert.False(result.IsError ?? false, TextOf(result));
        return Assert.NotNull(result.StructuredContent);
    }

    public static async Task<string> ErrorAsync(McpClient client, string tool, Dictionary<string, object?> arguments)
    {
        var result = await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
        Assert.True(result.IsError, TextOf(result));
        return TextOf(result);
    }

    public static string TextOf(CallToolResult result) => Assert.IsType<TextContentBlock>(result.Content[0]).Text;
}
