using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>What callers of the sales tools may ask, and how much they get.</summary>
public sealed class SalesToolsCallTests(SalesShop shop) : IClassFixture<SalesShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

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
                Assert.Equal($"store_id: '{store}' is not a store that you may see. Allowed: single.", (await Assert.ThrowsAnyAsync<McpException>(() => ask(store))).Message);
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("head-office"));
        foreach (var tool in (string[])["get_sales_summary", "get_top_products", "get_sales_trend", "get_basket_affinity"])
            Assert.Contains("does not exist or is not active", Assert.IsType<TextContentBlock>(
                (await client.CallToolAsync(tool, new Dictionary<string, object?> { ["store_id"] = "nowhere" }, cancellationToken: Cancellation)).Content[0]).Text);
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
