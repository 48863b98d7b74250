using System.Net;
using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>The tools, through the SDK's client over HTTP, on the sample shop.</summary>
public sealed class ToolTests(SeededServer shop) : IClassFixture<SeededServer>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    async Task<CallToolResult> CallAsync(string persona, string tool, Dictionary<string, object?>? arguments = null)
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf(persona));
        return await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
    }

    async Task<JsonElement> AnswerAsync(string persona, string tool, Dictionary<string, object?>? arguments = null)
    {
        var result = await CallAsync(persona, tool, arguments);
        Assert.False(result.IsError ?? false, TextOf(result));
        return Assert.NotNull(result.StructuredContent);
    }

    async Task<string> ErrorAsync(string tool, Dictionary<string, object?>? arguments, string persona = "seattle-manager")
    {
        var result = await CallAsync(persona, tool, arguments);
        Assert.True(result.IsError);
        return TextOf(result);
    }

    static string TextOf(CallToolResult result) => Assert.IsType<TextContentBlock>(result.Content[0]).Text;

    static string[] StoresOf(JsonElement answer, string list) =>
        [.. answer.GetProperty(list).EnumerateArray().Select(item => item.GetProperty("store_id").GetString()!).Distinct().Order()];

    [Theory]
    [InlineData("something to keep my coffee hot on the train", "travel mug")]
    [InlineData("stop rain from getting to me on my walk", "rain")]
    [InlineData("block out the noise of the plane engines", "headphones")]
    [InlineData("start the car when its battery is dead", "jump")]
    public async Task A_need_in_plain_words_finds_the_product(string need, string expected)
    {
        var answer = await AnswerAsync("head-office", "semantic_search_products", new() { ["query"] = need, ["limit"] = 5 });
        Assert.Contains(answer.GetProperty("products").EnumerateArray(), product =>
            $"{product.GetProperty("product_name")} {product.GetProperty("product_description")}".Contains(expected, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Results_are_ranked_and_bounded_and_the_same_each_time()
    {
        var arguments = new Dictionary<string, object?> { ["query"] = "gift for a child who likes space", ["limit"] = 7 };
        var answer = await AnswerAsync("seattle-manager", "semantic_search_products", arguments);
        double[] scores = [.. answer.GetProperty("products").EnumerateArray().Select(product => product.GetProperty("score").GetDouble())];
        Assert.Equal(7, scores.Length);
        Assert.Equal(scores.OrderDescending(), scores);
        Assert.Equal(answer.GetRawText(), (await AnswerAsync("seattle-manager", "semantic_search_products", arguments)).GetRawText());
    }

    [Fact]
    public async Task A_query_for_what_is_not_sold_is_said_to_match_weakly()
    {
        var answer = await AnswerAsync("redmond-manager", "semantic_search_products", new() { ["query"] = "concert tickets" });
        Assert.Contains("Nothing is close in meaning", answer.GetProperty("note").GetString());
        var none = await AnswerAsync("redmond-manager", "semantic_search_products", new() { ["query"] = "mug", ["min_similarity"] = 0.99 });
        Assert.Empty(none.GetProperty("products").EnumerateArray());
    }

    [Theory]
    [InlineData("seattle-manager", "seattle")]
    [InlineData("redmond-manager", "redmond")]
    [InlineData("online-merchandiser", "online")]
    public async Task A_token_of_one_store_gets_that_store_and_no_other_from_every_tool(string persona, string store)
    {
        Assert.Equal([store], StoresOf(await AnswerAsync(persona, "list_stores"), "stores"));
        foreach (var query in (string[])["warm jacket", "all products of redmond and seattle and online and bellevue", "store_id redmond"])
            Assert.Equal([store], StoresOf(await AnswerAsync(persona, "semantic_search_products", new() { ["query"] = query, ["limit"] = 50 }), "products"));

        const string Year = "2025-04/2026-03";
        Assert.Equal([store], StoresOf(await AnswerAsync(persona, "get_top_products", new() { ["period"] = Year, ["limit"] = 50 }), "products"));
        Assert.Equal([store], StoresOf(await AnswerAsync(persona, "get_inventory_alerts", new() { ["cover_days"] = 90, ["sales_days"] = 365, ["limit"] = 100 }), "products"));
        Assert.Equal([store], StoresOf(await AnswerAsync(persona, "get_basket_affinity", new() { ["period"] = Year, ["min_receipts"] = 1, ["limit"] = 50 }), "rules"));
        foreach (var (tool, arguments) in ((string, Dictionary<string, object?>)[])[
            ("get_sales_summary", new() { ["period"] = Year }), ("get_top_products", new() { ["period"] = Year }), ("get_sales_trend", []), ("get_basket_affinity", new() { ["period"] = Year }), ("get_customer_segments", new() { ["period"] = Year })])
            Assert.Equal([store], Assert.Single((await AnswerAsync(persona, tool, arguments)).GetProperty("periods").EnumerateArray()).GetProperty("store_ids").EnumerateArray().Select(item => item.GetString()));
        var summary = await AnswerAsync(persona, "get_sales_summary", new() { ["period"] = Year, ["group_by"] = "store" });
        Assert.Equal(store, Assert.Single(summary.GetProperty("groups").EnumerateArray()).GetProperty("group").GetString());

        foreach (var other in (string[])["seattle", "redmond", "bellevue", "online", "nowhere"])
            if (other != store)
            {
                foreach (var tool in (string[])["get_sales_summary", "get_top_products", "get_sales_trend", "get_basket_affinity", "get_inventory_alerts", "get_customer_segments"])
                    Assert.Equal($"store_id: '{other}' is not a store that you may see. Allowed: {store}.", await ErrorAsync(tool, new() { ["store_id"] = other }, persona));
                var said = await ErrorAsync("semantic_search_products", new() { ["query"] = "mug", ["store_id"] = other }, persona);
                Assert.Equal($"store_id: '{other}' is not a store that you may see. Allowed: {store}.", said);
                var product = await shop.Database.ScalarAsync<Guid>(
                    "SELECT coalesce((SELECT product_id FROM retail.products WHERE store_id = $1 LIMIT 1), gen_random_uuid())", other);
                Assert.StartsWith("No product that you may see", await ErrorAsync("get_product", new() { ["product_id"] = product }, persona));
                Assert.StartsWith("product_id, sku: no product that you may see", await ErrorAsync("get_basket_affinity", new() { ["product_id"] = product }, persona));
            }
    }

    [Fact]
    public async Task Head_office_sees_all_stores_and_may_ask_for_one()
    {
        Assert.Equal(["bellevue", "online", "redmond", "seattle"], StoresOf(await AnswerAsync("head-office", "list_stores"), "stores"));
        Assert.Equal(["bellevue"], StoresOf(await AnswerAsync("head-office", "semantic_search_products", new() { ["query"] = "mug", ["store_id"] = "bellevue" }), "products"));
        Assert.StartsWith("store_id: 'nowhere' does not exist or is not active. Allowed: bellevue, online, redmond, seattle.", await ErrorAsync("semantic_search_products", new() { ["query"] = "mug", ["store_id"] = "nowhere" }, "head-office"));
    }

    [Fact]
    public async Task A_tool_that_does_not_exist_is_an_error_to_the_client_and_no_fault_in_the_log()
    {
        var error = await Assert.ThrowsAsync<McpProtocolException>(() => CallAsync("seattle-manager", "no_such_tool"));
        Assert.Equal(McpErrorCode.InvalidParams, error.ErrorCode);
        Assert.Contains("no_such_tool", error.Message);
        Assert.DoesNotContain(shop.Server.Log.Entries, entry => entry.Contains("no_such_tool") && entry.Contains("Exception"));
    }

    [Fact]
    public async Task A_product_is_got_by_id_and_by_sku()
    {
        var found = (await AnswerAsync("seattle-manager", "semantic_search_products", new() { ["query"] = "tent", ["limit"] = 1 })).GetProperty("products")[0];
        var byId = await AnswerAsync("seattle-manager", "get_product", new() { ["product_id"] = found.GetProperty("product_id").GetString() });
        var bySku = await AnswerAsync("seattle-manager", "get_product", new() { ["sku"] = found.GetProperty("sku").GetString()!.ToLowerInvariant() });
        Assert.Equal(byId.GetRawText(), bySku.GetRawText());
        Assert.Equal(found.GetProperty("product_name").GetString(), byId.GetProperty("product_name").GetString());
        foreach (var field in (string[])["category", "subcategory", "price", "brand", "current_stock", "currency"])
            Assert.Equal(found.GetProperty(field).GetRawText(), byId.GetProperty(field).GetRawText());
        Assert.Equal("USD", byId.GetProperty("currency").GetString());
        Assert.Contains(byId.GetProperty("category").GetString(), (string[])["Sports & Outdoors", "Electronics", "Home & Garden", "Clothing", "Automotive", "Books & Media", "Health & Beauty"]);
    }

    [Fact]
    public async Task A_product_that_lacks_what_may_be_missing_is_found_and_got()
    {
        var bare = await shop.Database.ScalarAsync<Guid>("""
            UPDATE retail.products SET current_stock = NULL, reorder_point = NULL, rating_average = NULL, rating_count = NULL, category_id = NULL,
                   brand = NULL, model = NULL, color = NULL, size = NULL, weight_kg = NULL, dimensions_cm = NULL, supplier_name = NULL, metadata = NULL
             WHERE product_id = (SELECT product_id FROM retail.products WHERE store_id = 'bellevue' AND product_name LIKE '%Travel Mug' LIMIT 1)
            RETURNING product_id
            """);
        var found = await AnswerAsync("head-office", "semantic_search_products", new() { ["query"] = "insulated travel mug", ["store_id"] = "bellevue", ["limit"] = 50 });
        Assert.Contains(bare.ToString(), found.GetProperty("products").EnumerateArray().Select(product => product.GetProperty("product_id").GetString()));
        Assert.Equal(0, (await AnswerAsync("head-office", "get_product", new() { ["product_id"] = bare })).GetProperty("current_stock").GetInt32());
    }

    [Fact]
    public async Task A_sku_that_several_stores_have_asks_which()
    {
        await shop.Database.ExecuteAsync("""
            INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'TWICE', 'X', 1), ('online', 'TWICE', 'X', 1)
            ON CONFLICT DO NOTHING
            """);
        Assert.StartsWith("store_id: several stores have this product: online, seattle.", await ErrorAsync("get_product", new() { ["sku"] = "TWICE" }, "head-office"));
        Assert.Equal("online", (await AnswerAsync("head-office", "get_product", new() { ["sku"] = "TWICE", ["store_id"] = "online" })).GetProperty("store_id").GetString());
        await shop.Database.ExecuteAsync("DELETE FROM retail.products WHERE sku = 'TWICE'");
    }

    [Fact]
    public async Task Schemas_describe_columns_keys_and_meaning_and_only_what_may_be_read()
    {
        var answer = await AnswerAsync("seattle-manager", "get_multiple_table_schemas", new() { ["table_names"] = (string[])["products", "retail.sales_transaction_items"] });
        var (products, items) = (answer.GetProperty("tables")[0], answer.GetProperty("tables")[1]);
        Assert.Equal("retail.products", products.GetProperty("table_name").GetString());
        Assert.Contains(products.GetProperty("columns").EnumerateArray(), column =>
            column.GetProperty("name").GetString() == "price" && column.GetProperty("type").GetString() == "numeric(10,2)" && !column.GetProperty("nullable").GetBoolean());
        Assert.Contains("(store_id, product_id) -> retail.products (store_id, product_id)", items.GetProperty("foreign_keys").EnumerateArray().Select(key => key.GetString()));
        Assert.Equal(["store_id", "item_id"], items.GetProperty("primary_key").EnumerateArray().Select(key => key.GetString()!));

        var refused = await ErrorAsync("get_multiple_table_schemas", new() { ["table_names"] = (string[])["retail.context_keys"] });
        Assert.StartsWith("table_names: there is no table 'retail.context_keys' that you may read. Allowed: retail.audit_log,", refused);
        Assert.DoesNotContain("context_keys", refused[50..].Replace("'retail.context_keys'", ""));
    }

    [Fact]
    public async Task The_date_is_today_in_UTC()
    {
        var answer = await AnswerAsync("seattle-manager", "get_current_utc_date");
        Assert.True((DateTimeOffset.UtcNow - answer.GetProperty("utc_date_time").GetDateTimeOffset()).Duration() < TimeSpan.FromMinutes(1));
        Assert.Matches(@"^\d{4}-\d\d-\d\d$", answer.GetProperty("utc_day").GetString());
    }

    public static TheoryData<string, string, string> BadArguments => new()
    {
        { "semantic_search_products", "{}", "query: is missing. Allowed: a text of 1 to 1000 characters." },
        { "semantic_search_products", """{"query": ""}""", "query: \"\" was sent. Allowed: a text of 1 to 1000 characters." },
        { "semantic_search_products", """{"query": "   "}""", "query: it is blank. Allowed: 1 to 1000 characters" },
        { "semantic_search_products", """{"query": 7}""", "query: 7 was sent. Allowed: a text of 1 to 1000 characters." },
        { "semantic_search_products", """{"query": null}""", "query: null was sent. Allowed: a text of 1 to 1000 characters." },
        { "semantic_search_products", """{"query": "mug", "limit": 0}""", "limit: 0 was sent. Allowed: a whole number 1 to 50" },
        { "semantic_search_products", """{"query": "mug", "limit": 1000000000}""", "limit: 1000000000 was sent. Allowed: a whole number 1 to 50" },
        { "semantic_search_products", """{"query": "mug", "limit": 99999999999999}""", "limit: 99999999999999 was sent. Allowed: a whole number 1 to 50" },
        { "semantic_search_products", """{"query": "mug", "limit": 2.5}""", "limit: 2.5 was sent. Allowed: a whole number 1 to 50" },
        { "semantic_search_products", """{"query": "mug", "limit": "5"}""", "limit: \"5\" was sent. Allowed: a whole number 1 to 50" },
        { "semantic_search_products", """{"query": "mug", "min_similarity": 7}""", "min_similarity: 7 was sent. Allowed: a number -1 to 1, or left out." },
        { "semantic_search_products", """{"query": "mug", "top": 5}""", "top: is not an argument of this tool. Allowed: query, category, brand, min_price, max_price, in_stock, tags, min_rating, sort, store_id, limit, min_similarity." },
        { "semantic_search_products", """{"query": "mug", "store_id": "nowhere"}""", "store_id: 'nowhere' is not a store that you may see. Allowed: seattle." },
        { "semantic_search_products", """{"query": "mug", "store_id": "*"}""", "store_id: '*' is not a store that you may see. Allowed: seattle." },
        { "semantic_search_products", """{"query": "mug", "store_id": "seattle,redmond"}""", "store_id: 'seattle,redmond' is not a store that you may see. Allowed: seattle." },
        { "get_product", """{"product_id": "not-a-uuid"}""", "product_id: \"not-a-uuid\" was sent. Allowed: a UUID such as" },
        { "get_product", """{"sku": "a\u0000b"}""", "sku: \"a\\u0000b\" was sent. Allowed: a text of 1 to 50 characters" },
        { "get_product", "{}", "product_id, sku: exactly one of the two must be given." },
        { "get_product", """{"sku": "NO-SUCH"}""", "No product that you may see has this product_id or sku" },
        { "get_multiple_table_schemas", """{"table_names": []}""", "table_names: [] was sent. Allowed: a list of 1 to 20 items, each a text" },
        { "get_multiple_table_schemas", """{"table_names": "products"}""", "table_names: \"products\" was sent. Allowed: a list of 1 to 20 items" },
        { "get_current_utc_date", """{"zone": "PST"}""", "zone: is not an argument of this tool. Allowed: no arguments." },
    };

    [Theory, MemberData(nameof(BadArguments))]
    public async Task A_bad_argument_is_named_with_what_is_allowed(string tool, string arguments, string said) =>
        Assert.StartsWith(said, await ErrorAsync(tool, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments)));

    [Fact]
    public async Task A_long_query_is_refused_by_name_and_a_megabyte_unread_and_the_server_stays_up()
    {
        var said = await ErrorAsync("semantic_search_products", new() { ["query"] = new string('x', 200_000) });
        Assert.StartsWith("query: \"xxx", said);
        Assert.EndsWith("Allowed: a text of 1 to 1000 characters.", said);
        Assert.True(said.Length < 300);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await Assert.ThrowsAsync<HttpRequestException>(() =>
            CallAsync("seattle-manager", "semantic_search_products", new() { ["query"] = new string('x', 1 << 20) }))).StatusCode);
        Assert.NotEmpty((await AnswerAsync("seattle-manager", "list_stores")).GetProperty("stores").EnumerateArray());
    }

    [Fact]
    public async Task A_query_of_ones_own_sees_ones_own_store_and_head_office_sees_all()
    {
        const string Sql = "SELECT store_id, count(*) AS sales, sum(total_amount) AS revenue FROM sales_transactions GROUP BY store_id ORDER BY store_id";
        var own = await AnswerAsync("online-merchandiser", "execute_sales_query", new() { ["sql"] = Sql });
        Assert.Equal(["online"], own.GetProperty("rows").EnumerateArray().Select(row => row[0].GetString()));
        Assert.Equal(["store_id", "sales", "revenue"], own.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));
        var all = await AnswerAsync("head-office", "execute_sales_query", new() { ["sql"] = Sql });
        Assert.Equal(["bellevue", "online", "redmond", "seattle"], all.GetProperty("rows").EnumerateArray().Select(row => row[0].GetString()));
        Assert.Equal(own.GetProperty("rows")[0].GetRawText(), all.GetProperty("rows")[1].GetRawText());
        var one = await AnswerAsync("head-office", "execute_sales_query", new() { ["sql"] = Sql, ["store_id"] = "redmond" });
        Assert.Equal(["redmond"], one.GetProperty("rows").EnumerateArray().Select(row => row[0].GetString()));

        var few = await AnswerAsync("head-office", "execute_sales_query", new() { ["sql"] = "SELECT sku FROM products", ["max_rows"] = 3 });
        Assert.True(few.GetProperty("truncated").GetBoolean());
        Assert.Equal(3, few.GetProperty("row_count").GetInt32());
        Assert.Contains("more than 3 rows", few.GetProperty("note").GetString());
    }

    [Fact]
    public async Task A_query_needs_a_store_where_the_token_names_several_and_its_scope()
    {
        async Task<CallToolResult> RunAsync(string stores, string scope, string? store)
        {
            var token = shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "a", ["stores"] = stores.Split(' '), ["scope"] = scope });
            await using var client = await shop.Server.ConnectAsync(token);
            var arguments = new Dictionary<string, object?> { ["sql"] = "SELECT DISTINCT store_id FROM products" };
            if (store is not null)
                arguments["store_id"] = store;
            return await client.CallToolAsync("execute_sales_query", arguments, cancellationToken: Cancellation);
        }
        Assert.Equal("store_id: it must be given, because a query runs for one store. Allowed: redmond, seattle.", TextOf(await RunAsync("seattle redmond", "sales.sql", null)));
        Assert.Contains("redmond", TextOf(await RunAsync("seattle redmond", "sales.sql", "redmond")));
        Assert.StartsWith("store_id: 'online' is not a store that you may see.", TextOf(await RunAsync("seattle redmond", "sales.sql", "online")));
        Assert.StartsWith("store_id: there is no such store, or", TextOf(await RunAsync("nowhere", "sales.sql", null)));
        Assert.Equal(HttpStatusCode.Forbidden, (await Assert.ThrowsAsync<HttpRequestException>(() => RunAsync("seattle", "catalog.read sales.read", null))).StatusCode);
    }

    [Fact]
    public async Task A_wrong_query_of_ones_own_says_where_and_leaves_no_fault_in_the_log()
    {
        Assert.Equal("sql: line 1, column 8: column \"nonsense\" does not exist. get_multiple_table_schemas describes the tables. (SQLSTATE 42703)",
            await ErrorAsync("execute_sales_query", new() { ["sql"] = "SELECT nonsense FROM products" }));
        Assert.DoesNotContain(shop.Server.Log.Entries, entry => entry.Contains("nonsense"));
    }

    [Fact]
    public async Task Every_tool_has_title_annotations_output_schema_and_describes_each_argument()
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("seattle-manager"));
        var tools = await client.ListToolsAsync(cancellationToken: Cancellation);
        Assert.Equal(
            ["adjust_stock", "execute_sales_query", "find_similar_products", "get_basket_affinity", "get_current_utc_date", "get_customer_history", "get_customer_segments",
             "get_inventory_alerts", "get_multiple_table_schemas", "get_product", "get_sales_summary", "get_sales_trend", "get_top_products", "list_categories",
             "list_stores", "record_sale", "semantic_search_products"],
            tools.Select(tool => tool.Name).Order(StringComparer.Ordinal));
        Assert.All(tools, tool =>
        {
            Assert.NotNull(tool.ProtocolTool.Title);
            var hints = Assert.IsType<ToolAnnotations>(tool.ProtocolTool.Annotations);
            // A change of stock replaces what was there; a sale is added to what there is.
            Assert.Equal((tool.Name is not ("adjust_stock" or "record_sale"), tool.Name is "adjust_stock", true, false),
                (hints.ReadOnlyHint, hints.ReadOnlyHint is false && hints.DestructiveHint is true, hints.IdempotentHint, hints.OpenWorldHint));
            Assert.NotNull(tool.ProtocolTool.OutputSchema);
            Assert.True(tool.Description.Length > 40);
            if (tool.JsonSchema.TryGetProperty("properties", out var properties))
                Assert.All(properties.EnumerateObject(), property => Assert.True(property.Value.TryGetProperty("description", out _), $"{tool.Name}.{property.Name}"));
        });
    }
}
