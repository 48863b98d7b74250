using Zava.Tests.Infrastructure;
using Zava.Tests.Telemetry;

namespace Zava.Tests.Mcp;

/// <summary>Traces, metrics and logs say what ran and for how long, not what was asked, by whom, with which token or about whom.</summary>
public sealed class TelemetryTests(DatabaseTemplate template)
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    // What a caller writes, and what the database holds; no other test has them.
    const string Asked = "TELLTALEASKED";
    const string Held = "TELLTALEHELD";

    const string User = "telltale.user@zava.example";

    [Fact]
    public async Task Nothing_that_a_caller_wrote_or_the_database_holds_is_in_a_trace_a_metric_or_a_log_of_any_tool()
    {
        using var recorded = new RecordedTelemetry();
        await using var database = await template.CreateDatabaseAsync();
        var customer = await SeedAsync(database);
        await using var server = await RunningServer.StartAsync(database, recorded.Traces, recorded.Configure);
        var token = server.Issuer.Issue(new Dictionary<string, object>
        {
            ["sub"] = User,
            ["stores"] = (string[])["seattle"],
            ["scope"] = "catalog.read sales.read sales.write sales.sql customers.read inventory.write ops.read",
        });
        await using (var client = await server.ConnectAsync(token))
        {
            var calls = Calls(customer);
            // A new tool has to be added here.
            Assert.Equal((await client.ListToolsAsync(cancellationToken: Cancellation)).Select(tool => tool.Name).Order(), calls.Select(call => call.Tool).Distinct().Order());
            foreach (var (tool, arguments) in calls)
            {
                await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
                await client.CallToolAsync(tool, new Dictionary<string, object?>(arguments) { ["store_id"] = Asked.ToLowerInvariant() }, cancellationToken: Cancellation);
                await client.CallToolAsync(tool, new Dictionary<string, object?>(arguments) { [Asked] = Asked }, cancellationToken: Cancellation);
            }
        }

        var told = string.Join('\n', [recorded.Told(database.Name), .. server.Log.Entries]);
        // It is the right place to look.
        Assert.Contains("tools/call execute_sales_query", told);
        Assert.Contains("db.npgsql.data_source=retail_query", told);
        Assert.Contains("zava.tool.calls zava.tool=record_sale zava.outcome=ok", told);
        Assert.Contains("zava.tool.calls zava.tool=get_customer_history zava.outcome=ok", told);
        Assert.Contains("zava.isolation.refused reason=store", told);
        Assert.Contains("zava.isolation.refused reason=sql_forbidden", told);
        foreach (var secret in (string[])[Asked, Held, User, token, "Password", "FROM retail.", $"Database={database.Name};Username=mcp_user", $"{customer}"])
            Assert.DoesNotContain(secret, told, StringComparison.OrdinalIgnoreCase);
    }

    static async Task<Guid> SeedAsync(TestDatabase database)
    {
        await database.ExecuteAsync("UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = 'universal-sentence-encoder-lite'");
        await database.ExecuteAsync("""
            INSERT INTO retail.products (store_id, sku, product_name, product_description, brand, price, current_stock)
            VALUES ('seattle', 'SKU-' || $1, $1 || ' shoe', $1, $1, 10, 100)
            """, Held);
        return await database.ScalarAsync<Guid>("""
            INSERT INTO retail.customers (store_id, first_name, last_name, email) VALUES ('seattle', $1, $1, $1 || '@example.com') RETURNING customer_id
            """, Held);
    }

    static List<(string Tool, Dictionary<string, object?> Arguments)> Calls(Guid customer) =>
    [
        ("list_stores", []),
        ("list_categories", []),
        ("get_product", new() { ["sku"] = $"SKU-{Held}" }),
        ("get_product", new() { ["sku"] = Asked }),
        ("semantic_search_products", new() { ["query"] = $"{Asked} shoes" }),
        ("find_similar_products", new() { ["sku"] = $"SKU-{Held}" }),
        ("get_sales_summary", new() { ["group_by"] = "category" }),
        ("get_top_products", new() { ["category"] = Asked }),
        ("get_sales_trend", new() { ["category"] = Asked }),
        ("get_basket_affinity", new() { ["sku"] = $"SKU-{Held}" }),
        ("get_inventory_alerts", []),
        ("get_customer_segments", []),
        ("get_customer_history", new() { ["customer_id"] = customer }),
        ("get_customer_history", new() { ["email"] = $"{Asked}@example.com" }),
        ("adjust_stock", new() { ["sku"] = $"SKU-{Held}", ["change"] = 1, ["reason"] = "delivery", ["note"] = Asked, ["idempotency_key"] = $"{Asked}-1" }),
        ("record_sale", new() { ["lines"] = new[] { new { sku = $"SKU-{Held}", quantity = 1 } }, ["payment_method"] = "cash", ["cashier_id"] = Asked, ["customer_id"] = customer, ["idempotency_key"] = $"{Asked}-2" }),
        ("execute_sales_query", new() { ["sql"] = $"SELECT '{Asked}' AS {Asked}, email_masked FROM customers_masked" }),
        ("execute_sales_query", new() { ["sql"] = $"SELECT '{Asked}'::integer" }),
        ("execute_sales_query", new() { ["sql"] = $"SELECT {Asked}" }),
        ("execute_sales_query", new() { ["sql"] = $"SELECT '{Asked}' FROM retail.schema_versions" }),
        ("get_embedding_status", []),
        ("get_multiple_table_schemas", new() { ["table_names"] = new[] { "products", Asked } }),
        ("get_current_utc_date", []),
    ];
}
