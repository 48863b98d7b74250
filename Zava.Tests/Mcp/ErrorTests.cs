using System.Net;
using System.Text;
using System.Text.Json;
using Zava.Tests.Infrastructure;
using Zava.Tests.Isolation;

namespace Zava.Tests.Mcp;

/// <summary>What is said of a request that cannot be carried out: which part of it, what was sent, what is allowed, what is near.</summary>
public sealed class ErrorTests(ErrorTests.Shop shop) : IClassFixture<ErrorTests.Shop>
{
    public sealed class Shop(DatabaseTemplate template) : IAsyncLifetime
    {
        public TwoStores Stores { get; } = new(template);

        public RunningServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await Stores.InitializeAsync();
            Server = await RunningServer.StartAsync(Stores.Database);
        }

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            await Stores.DisposeAsync();
        }
    }

    async Task<string> SaidAsync(string persona, string method, string parameters) =>
        RawMcp.ErrorOf(await shop.Server.AskAsync(shop.Server.TokenOf(persona), method, parameters));

    static string Call(string tool, string arguments) => $$"""{"name":"{{tool}}","arguments":{{arguments}}}""";

    static string Complete(string of, string argument) => $$"""{"argument":{"name":"{{argument}}","value":""},"ref":{{of}} }""";

    public static TheoryData<string, string, string> Wrong => new()
    {
        { "tools/call", Call("semantic_search_products", """{"query":"mug","limt":5}"""), "limt: is not an argument of this tool. Did you mean limit? Allowed: query, category, brand, min_price, max_price, in_stock, tags, min_rating, sort, store_id, limit, min_similarity." },
        { "tools/call", Call("semantic_search_products", """{"query":"mug","storeid":"seattle"}"""), "storeid: is not an argument of this tool. Did you mean store_id? Allowed:" },
        { "tools/call", Call("semantic_search_products", """{"qeury":"mug"}"""), "query: is missing. Allowed: a text of 1 to 1000 characters.\nqeury: is not an argument of this tool. Did you mean query?" },
        { "tools/call", Call("get_top_products", """{"by":"revenues"}"""), "by: \"revenues\" was sent. Did you mean revenue? Allowed: revenue, units, margin, returns." },
        { "tools/call", Call("get_top_products", """{"by":"REVENUE"}"""), "by: \"REVENUE\" was sent. Did you mean revenue? Allowed:" },
        { "tools/call", Call("get_top_products", """{"by":7}"""), "by: 7 was sent. Allowed: revenue, units, margin, returns." },
        { "tools/call", Call("get_sales_summary", """{"store_id":"seatle"}"""), "store_id: 'seatle' is not a store that you may see. Did you mean seattle? Allowed: seattle." },
        // Redmond exists, and this caller is not told.
        { "tools/call", Call("get_sales_summary", """{"store_id":"redmon"}"""), "store_id: 'redmon' is not a store that you may see. Allowed: seattle." },
        { "tools/call", Call("get_sales_summary", """{"store_id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa😀"}"""), "store_id: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
        { "tools/call", Call("get_multiple_table_schemas", """{"table_names":["retail.product"]}"""), "table_names: there is no table 'retail.product' that you may read. Did you mean retail.products? Allowed: retail." },
        { "tools/call", Call("get_prodct", "{}"), "-32602 There is no tool 'get_prodct'. Did you mean get_product? tools/list names those that you may use." },
        { "tools/call", Call("drop_everything", "{}"), "-32602 There is no tool 'drop_everything'. tools/list names those that you may use." },
        { "tools/call", """{"name":"list_stores","arguments":[]}""", "-32602 params.arguments: it is not of the type that tools/call takes there." },
        { "tools/call", """{"arguments":{}}""", "-32602 params: something that tools/call needs is missing, or of another type than it takes." },
        { "prompts/get", Call("weekly_reveiw", "{}"), "-32602 There is no prompt 'weekly_reveiw'. Did you mean weekly_review? prompts/list names those that you may use." },
        { "prompts/get", Call("weekly_review", """{"store":"seattle"}"""), "-32602 store: is not an argument of weekly_review. Allowed: store_id." },
        { "prompts/get", Call("weekly_review", """{"storeid":"seattle"}"""), "-32602 storeid: is not an argument of weekly_review. Did you mean store_id? Allowed: store_id." },
        { "prompts/get", Call("gift_finder", """{"recipient":7}"""), "-32602 recipient: 7 was sent. Allowed: a text of 1 to 500 characters without control characters." },
        { "resources/read", """{"uri":"zava://store/seattle"}""", "Did you mean zava://stores/{store}? Allowed: zava://products/{store}/{sku}, zava://reports/daily/{store}/{date}, zava://schema/{table}, zava://stores/{store}. Your stores: seattle." },
        { "resources/read", """{"uri":"zava://stores/redmond"}""", "Unknown resource URI: 'zava://stores/redmond'. Allowed: zava://products/{store}/{sku}, zava://reports/daily/{store}/{date}, zava://schema/{table}, zava://stores/{store}. Your stores: seattle." },
        { "resources/read", """{"uri":7}""", "-32602 params.uri: it is not of the type that resources/read takes there." },
        { "completion/complete", Complete("""{"type":"ref/prompt","name":"gift_findr"}""", "brand"), "-32602 There is no prompt 'gift_findr'. Did you mean gift_finder?" },
        { "completion/complete", Complete("""{"type":"ref/prompt","name":"gift_finder"}""", "brnd"), "-32602 params.argument.name: brnd is not an argument of gift_finder. Did you mean brand? Allowed: recipient, budget, category, brand, store_id." },
        { "completion/complete", Complete("""{"type":"ref/resource","uri":"zava://store/{store}"}""", "store"), "-32602 Unknown resource URI: 'zava://store/{store}'. Did you mean zava://stores/{store}?" },
        { "completion/complete", Complete("""{"type":"ref/resource","uri":"zava://stores/{store}"}""", "sku"), "-32602 params.argument.name: sku is not an argument of zava://stores/{store}. Allowed: store." },
        { "completion/complete", """{"ref":{"type":"ref/prompt","name":"gift_finder"}}""", "-32602 params: something that completion/complete needs is missing, or of another type than it takes." },
        { "completion/complete", "null", "-32602 params.argument: Allowed: an object with the texts name and value." },
        { "completion/complete", """{"ref":{"type":"ref/prompt","name":"gift_finder"},"argument":null}""", "-32602 params.argument: Allowed: an object with the texts name and value." },
        { "tools/list", """{"cursor":"nonsense"}""", "-32602 cursor: it is not one that this list has given to you. Allowed: nextCursor of the answer before, or left out to begin again." },
        { "tools/list", """{"cursor":7}""", "-32602 params.cursor: it is not of the type that tools/list takes there." },
    };

    [Theory, MemberData(nameof(Wrong))]
    public async Task What_is_wrong_is_named_with_what_is_allowed_and_what_is_near(string method, string parameters, string said)
    {
        var error = await SaidAsync("seattle-manager", method, parameters);
        Assert.Contains(said, error);
        Assert.DoesNotContain("An error occurred", error);
        Assert.DoesNotContain("fault in the server", error);
        Assert.DoesNotMatch(@"System\.|ModelContextProtocol\.|Zava\.[A-Z]|Npgsql|Exception|\n\s+at ", error);
    }

    [Theory]
    [InlineData("[]", "-32600 What was sent must be one JSON-RPC message, which is an object.")]
    [InlineData("{", "-32700 What was sent is not JSON in UTF-8")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}""", "-32700 What was sent is not JSON in UTF-8 whose objects have each name once")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"\ud800":1}}""", "-32700 What was sent is not JSON in UTF-8")]
    [InlineData("""{"jsonrpc":"1.0","id":1,"method":"tools/list"}""", "-32600 jsonrpc: \"1.0\" was sent. Allowed: \"2.0\".")]
    [InlineData("""{"id":1,"method":"tools/list"}""", "-32600 jsonrpc: is missing. Allowed: \"2.0\".")]
    [InlineData("""{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}""", "-32600 id: 1.5 was sent. Allowed: a text or a whole number.")]
    [InlineData("""{"jsonrpc":"2.0","id":1}""", "-32600 method: is missing. Allowed: a text.")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}""", "-32600 params: [] was sent. Allowed: an object, or left out.")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":7}}""", "Allowed: an object, whose _meta is an object too.")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"a":1}}""", "-32602 params: something that the method needs is missing, or of another type than it takes.")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/list","more":{}}""", "-32600 more: {} was sent. Allowed: jsonrpc, id, method, params, result, error; nothing else.")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_product","arguments":{"sku":"\ud800"}}}""", "-32600 A text has half of a surrogate pair")]
    public async Task A_body_that_is_no_message_is_refused_in_words(string body, string said)
    {
        using var http = shop.Server.CreateHttpClient(shop.Server.TokenOf("seattle-manager"));
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
        using var response = await http.PostAsync("/mcp", new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(said, RawMcp.ErrorOf(JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))));
    }

    [Fact]
    public async Task Head_office_is_told_the_store_that_is_near_and_others_are_told_of_none_but_theirs()
    {
        const string Nowhere = """{"store_id":"redmund"}""";
        var said = await SaidAsync("head-office", "tools/call", Call("get_sales_summary", Nowhere));
        Assert.StartsWith("store_id: 'redmund' does not exist or is not active. Did you mean redmond? Allowed:", said);
        Assert.Contains("redmond, seattle", said);
        Assert.DoesNotContain("redmond", await SaidAsync("seattle-manager", "tools/call", Call("get_sales_summary", Nowhere)));
    }

    [Fact]
    public async Task A_name_that_is_near_is_not_given_to_whom_it_is_not_for()
    {
        var token = shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "a", ["stores"] = new[] { "seattle" }, ["scope"] = "catalog.read" });
        foreach (var (method, parameters, secret) in ((string, string, string)[])
        [
            ("tools/call", Call("execute_sales_querry", "{}"), "execute_sales_query"),
            ("prompts/get", Call("weekly_reviews", "{}"), "weekly_review?"),
            ("resources/read", """{"uri":"zava://schemas/products"}""", "zava://schema/"),
        ])
            Assert.DoesNotContain(secret, RawMcp.ErrorOf(await shop.Server.AskAsync(token, method, parameters)));
    }
}
