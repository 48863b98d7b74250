using System.Net;
using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>The resources, through the SDK's client over HTTP, on the sample shop.</summary>
public sealed class ResourceTests(SeededServer shop) : IClassFixture<SeededServer>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    Task<McpClient> ConnectAsync(string persona) => shop.Server.ConnectAsync(shop.Server.TokenOf(persona));

    Task<McpClient> ConnectWithAsync(string stores, string scope) => shop.Server.ConnectAsync(shop.Server.Issuer.Issue(
        new Dictionary<string, object> { ["sub"] = "a", ["stores"] = stores.Split(' '), ["scope"] = scope }));

    async Task<JsonElement> ReadAsync(string persona, string uri)
    {
        await using var client = await ConnectAsync(persona);
        var result = await client.ReadResourceAsync(uri, cancellationToken: Cancellation);
        Assert.Equal(CacheScope.Private, result.CacheScope);
        Assert.InRange(result.TimeToLive!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        var content = Assert.IsType<TextResourceContents>(Assert.Single(result.Contents));
        Assert.Equal((uri, "application/json"), (content.Uri, content.MimeType));
        return JsonDocument.Parse(content.Text).RootElement;
    }

    async Task<JsonElement> CallAsync(string persona, string tool, Dictionary<string, object?> arguments)
    {
        await using var client = await ConnectAsync(persona);
        return Assert.NotNull((await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation)).StructuredContent);
    }

    Task<string> SkuOfAsync(string store) => shop.Database.ScalarAsync<string>(
        $"SELECT sku FROM retail.products p WHERE store_id = '{store}' AND NOT EXISTS (SELECT 1 FROM retail.products o WHERE o.sku = p.sku AND o.store_id <> p.store_id) ORDER BY sku LIMIT 1");

    [Fact]
    public async Task A_store_is_what_the_database_has_of_it()
    {
        var store = await ReadAsync("seattle-manager", "zava://stores/seattle");
        Assert.Equal("Zava Retail Seattle", store.GetProperty("store_name").GetString());
        Assert.Equal(await shop.Database.ScalarAsync<long>("SELECT count(*) FROM retail.products WHERE store_id = 'seattle' AND is_active"), store.GetProperty("active_products").GetInt64());
        Assert.Equal(store.GetRawText(), (await ReadAsync("head-office", "zava://stores/seattle")).GetRawText());
    }

    [Fact]
    public async Task A_product_is_what_the_tool_answers_by_its_SKU_as_it_is_written()
    {
        var sku = await SkuOfAsync("seattle");
        var product = await ReadAsync("seattle-manager", $"zava://products/seattle/{sku}");
        Assert.True(JsonElement.DeepEquals(await CallAsync("seattle-manager", "get_product", new() { ["sku"] = sku }), product));
        Assert.Equal(await shop.Database.ScalarAsync<decimal>($"SELECT price FROM retail.products WHERE store_id = 'seattle' AND sku = '{sku}'"), product.GetProperty("price").GetDecimal());
        await AssertUnknownAsync("seattle-manager", $"zava://products/seattle/{sku.ToLowerInvariant()}");

        // A SKU may need to be encoded.
        await shop.Database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'A/B c%', 'X', 1) ON CONFLICT DO NOTHING");
        Assert.Equal("A/B c%", (await ReadAsync("seattle-manager", "zava://products/seattle/A%2FB%20c%25")).GetProperty("sku").GetString());
        await shop.Database.ExecuteAsync("DELETE FROM retail.products WHERE sku = 'A/B c%'");
    }

    [Fact]
    public async Task A_schema_is_what_the_tool_answers_with_or_without_retail()
    {
        var schema = await ReadAsync("seattle-manager", "zava://schema/products");
        Assert.Equal(schema.GetRawText(), (await ReadAsync("seattle-manager", "zava://schema/retail.products")).GetRawText());
        var answer = await CallAsync("seattle-manager", "get_multiple_table_schemas", new() { ["table_names"] = (string[])["products"] });
        Assert.True(JsonElement.DeepEquals(answer.GetProperty("tables")[0], schema));
    }

    [Fact]
    public async Task A_daily_report_is_of_a_day_of_the_store_and_agrees_with_the_receipts()
    {
        const string Day = "(transaction_date AT TIME ZONE 'America/Los_Angeles')::date";
        var day = await shop.Database.ScalarAsync<string>($"SELECT max({Day})::text FROM retail.sales_transactions WHERE store_id = 'seattle' AND transaction_type = 'sale'");
        var report = await ReadAsync("seattle-manager", $"zava://reports/daily/seattle/{day}");
        var total = Assert.Single(report.GetProperty("totals").EnumerateArray());
        Assert.Equal("USD", total.GetProperty("currency").GetString());
        Assert.Equal(
            await shop.Database.ScalarAsync<long>($"SELECT count(*) FROM retail.sales_transactions WHERE store_id = 'seattle' AND transaction_type IN ('sale', 'exchange') AND {Day} = '{day}'"),
            total.GetProperty("current").GetProperty("receipts").GetInt64());
        Assert.Equal(
            await shop.Database.ScalarAsync<decimal>($"SELECT sum(subtotal) FROM retail.sales_transactions WHERE store_id = 'seattle' AND {Day} = '{day}'"),
            total.GetProperty("current").GetProperty("net_sales").GetDecimal());
        Assert.True(JsonElement.DeepEquals(await CallAsync("seattle-manager", "get_sales_summary", new() { ["period"] = day, ["group_by"] = "hour" }), report));
    }

    public static TheoryData<string> Unknown => new(
        "zava://stores/nowhere", "zava://stores/*", "zava://stores/%2A", "zava://stores/SEATTLE", "zava://stores/seattle,redmond", "zava://stores/seattle%2Credmond",
        "zava://stores/", "zava://stores/seattle/", "zava://stores/seattle/redmond", "zava://stores/seattle%2F..%2Fredmond", "zava://stores/%2e%2e", "zava://stores/../redmond",
        "zava://stores/seattle%00", "zava://stores/seattle%0A", "zava://stores/seattle'--", "zava://stores/seattle?store=redmond", "zava://stores/seattle#redmond",
        "zava://redmond@stores/seattle", "zava://stores/redmond", "zava://stores/%72edmond", "zava://stores/REDMOND",
        "zava://products/seattle/NO-SUCH", "zava://products/seattle/%00", "zava://products/seattle/%25", "zava://products/seattle/", "zava://products/*/{sku}", "zava://products/redmond/{sku}",
        "zava://products/%72edmond/{sku}", "zava://products/seattle/{sku}", "zava://products/seattle%2F..%2Fredmond/{sku}", "zava://products/seattle/../redmond/{sku}",
        "zava://products/seattle/..%2Fredmond%2F{sku}", "zava://products/redmond%2F{sku}", "zava://products/seattle,redmond/{sku}", "zava://products//{sku}",
        "zava://reports/daily/redmond/2026-03-30", "zava://reports/daily/*/2026-03-30", "zava://reports/daily/nowhere/2026-03-30", "zava://reports/daily/seattle%2Credmond/2026-03-30",
        "zava://reports/daily/seattle/2026-02-30", "zava://reports/daily/seattle/2026-3-1", "zava://reports/daily/seattle/today", "zava://reports/daily/seattle/2099-01-01",
        "zava://reports/daily/seattle/1066-01-01", "zava://reports/daily/seattle/2026-03-01%2F2026-03-31", "zava://reports/daily/seattle/2026-03-30/redmond",
        "zava://schema/context_keys", "zava://schema/retail.context_keys", "zava://schema/pg_authid", "zava://schema/pg_catalog.pg_class", "zava://schema/nothing", "zava://schema/", "zava://nothing/at/all");

    [Theory, MemberData(nameof(Unknown))]
    public async Task What_does_not_exist_and_what_is_of_another_store_are_refused_alike(string uri) =>
        await AssertUnknownAsync("seattle-manager", uri.Replace("{sku}", await SkuOfAsync("redmond"), StringComparison.Ordinal));

    [Theory]
    [InlineData("zava://stores/nowhere")]
    [InlineData("zava://products/nowhere/X")]
    [InlineData("zava://reports/daily/nowhere/2026-03-30")]
    public async Task To_head_office_too_a_store_that_does_not_exist_is_unknown(string uri) => await AssertUnknownAsync("head-office", uri);

    // The same code and words as for an address that no template has, and nothing of the server's in them.
    async Task AssertUnknownAsync(string persona, string uri)
    {
        await using var client = await ConnectAsync(persona);
        var error = await Assert.ThrowsAsync<McpProtocolException>(async () => await client.ReadResourceAsync(uri, cancellationToken: Cancellation));
        Assert.Equal(McpErrorCode.InvalidParams, error.ErrorCode);
        Assert.EndsWith(
            $"Unknown resource URI: '{uri}'. Allowed: zava://products/{{store}}/{{sku}}, zava://reports/daily/{{store}}/{{date}}, zava://schema/{{table}}, zava://stores/{{store}}. "
            + (persona == "head-office" ? "list_stores names the stores." : $"Your stores: {persona.Split('-')[0]}."), error.Message.Replace("Did you mean zava://stores/{store}? ", "", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("catalog.read", "product store")]
    [InlineData("sales.read", "daily_report")]
    [InlineData("sales.sql", "schema")]
    [InlineData("catalog.read sales.read sales.sql", "daily_report product schema store")]
    [InlineData("sales.write", "")]
    public async Task A_template_is_listed_and_read_only_with_its_scope(string scope, string expected)
    {
        await using var client = await ConnectWithAsync("seattle", scope);
        var templates = await client.ListResourceTemplatesAsync(cancellationToken: Cancellation);
        Assert.Equal(expected, string.Join(' ', templates.Select(template => template.Name).Order(StringComparer.Ordinal)));
        Assert.All(templates, template =>
        {
            Assert.NotNull(template.Title);
            Assert.True(template.Description!.Length > 40);
            Assert.Equal("application/json", template.MimeType);
        });
        Assert.Empty(await client.ListResourcesAsync(cancellationToken: Cancellation));
        foreach (var (name, uri) in new[]
        {
            ("store", "zava://stores/seattle"), ("store", "zava://stores/redmond"), ("product", "zava://products/seattle/X"), ("schema", "ZAVA://schema/products"),
            ("daily_report", "zava://reports/daily/seattle/2026-03-30"),
        })
            if (!expected.Contains(name, StringComparison.Ordinal))
                Assert.Equal(HttpStatusCode.Forbidden, (await Assert.ThrowsAsync<HttpRequestException>(async () => await client.ReadResourceAsync(uri, cancellationToken: Cancellation))).StatusCode);
    }

    [Fact]
    public async Task A_reading_is_recorded_like_a_call()
    {
        await ReadAsync("head-office", "zava://stores/bellevue");
        await AssertUnknownAsync("redmond-manager", "zava://stores/bellevue");
        await using (var client = await ConnectWithAsync("online", "sales.read"))
            await Assert.ThrowsAsync<HttpRequestException>(async () => await client.ReadResourceAsync("zava://stores/online", cancellationToken: Cancellation));
        await Eventually.EqualAsync("ok bellevue 1|refused redmond -|forbidden online -", () => shop.Database.ScalarAsync<string>("""
            SELECT coalesce(string_agg(concat_ws(' ', outcome, coalesce(store_id, '-'), coalesce(rows::text, '-')), '|' ORDER BY call_number), '')
              FROM retail.tool_calls
             WHERE tool = 'resources/read store' AND (user_name, outcome) IN (('head.office@zava.example', 'ok'), ('redmond.manager@zava.example', 'refused'), ('a', 'forbidden'))
               AND store_id IN ('bellevue', 'redmond', 'online')
            """));
    }

    [Fact]
    public async Task What_is_asked_for_in_vain_is_not_written_to_the_log()
    {
        await AssertUnknownAsync("seattle-manager", "zava://products/seattle/ASKED-IN-VAIN");
        Assert.DoesNotContain(shop.Server.Log.Entries, entry => entry.Contains("ASKED-IN-VAIN", StringComparison.Ordinal));
    }
}
