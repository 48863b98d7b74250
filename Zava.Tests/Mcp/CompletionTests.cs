using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>What is offered for variables of resource templates and arguments of prompts, through the SDK's client over HTTP.</summary>
public sealed class CompletionTests(SeededServer shop) : IClassFixture<SeededServer>
{
    const string Store = "zava://stores/{store}";
    const string Product = "zava://products/{store}/{sku}";
    const string Schema = "zava://schema/{table}";

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    async Task<Completion> CompleteAsync(string token, string of, string argument, string typed, Dictionary<string, string>? chosen = null)
    {
        await using var client = await shop.Server.ConnectAsync(token);
        var result = await client.CompleteAsync(new CompleteRequestParams
        {
            Ref = of.Contains("://", StringComparison.Ordinal) ? new ResourceTemplateReference { Uri = of } : new PromptReference { Name = of },
            Argument = new() { Name = argument, Value = typed },
            Context = chosen is null ? null : new() { Arguments = chosen },
        }, Cancellation);
        Assert.Equal(result.Completion.Total > result.Completion.Values.Count, result.Completion.HasMore);
        return result.Completion;
    }

    Task<Completion> OfAsync(string persona, string of, string argument, string typed, string? store = null) =>
        CompleteAsync(shop.Server.TokenOf(persona), of, argument, typed, store is null ? null : new() { ["store"] = store });

    Task<string[]> ListAsync(string sql) => shop.Database.ScalarAsync<string[]>($"SELECT coalesce(array_agg(v ORDER BY v COLLATE \"C\"), '{{}}') FROM ({sql}) AS t (v)");

    [Fact]
    public async Task Stores_are_those_of_the_caller()
    {
        Assert.Equal(["bellevue", "online", "redmond", "seattle"], (await OfAsync("head-office", Store, "store", "")).Values);
        Assert.Equal(["redmond"], (await OfAsync("head-office", Store, "store", "Re")).Values);
        Assert.Equal(["seattle"], (await OfAsync("seattle-manager", "weekly_review", "store_id", "")).Values);
        Assert.Empty((await OfAsync("seattle-manager", Store, "store", "red")).Values);
    }

    [Fact]
    public async Task SKUs_and_brands_are_those_of_the_store()
    {
        foreach (var (persona, store) in new[] { ("seattle-manager", "seattle"), ("redmond-manager", "redmond"), ("online-merchandiser", "online") })
        {
            var skus = await ListAsync($"SELECT sku FROM retail.products WHERE store_id = '{store}'");
            var offered = await OfAsync(persona, Product, "sku", "");
            Assert.Equal(skus.Take(100), offered.Values);
            Assert.Equal(skus.Length, offered.Total);
            Assert.Equal(skus.Where(sku => sku.StartsWith(skus[0][..5], StringComparison.Ordinal)).Take(100), (await OfAsync(persona, Product, "sku", skus[0][..5].ToLowerInvariant())).Values);
            Assert.Equal(
                await ListAsync($"SELECT DISTINCT brand FROM retail.products WHERE store_id = '{store}' AND brand ILIKE 'c%'"),
                (await OfAsync(persona, "gift_finder", "brand", "C")).Values);
        }
    }

    [Fact]
    public async Task Head_office_is_offered_the_SKUs_of_the_store_it_has_chosen_and_at_most_100_of_all()
    {
        var all = await OfAsync("head-office", Product, "sku", "");
        Assert.Equal(100, all.Values.Count);
        Assert.True(all.HasMore);
        Assert.Equal(await shop.Database.ScalarAsync<long>("SELECT count(DISTINCT sku) FROM retail.products"), (long?)all.Total);
        var skus = await ListAsync("SELECT sku FROM retail.products WHERE store_id = 'bellevue'");
        Assert.Equal(skus.Take(100), (await OfAsync("head-office", Product, "sku", "", "bellevue")).Values);
    }

    [Fact]
    public async Task Nothing_that_is_typed_or_chosen_reaches_another_store()
    {
        await shop.Database.ExecuteAsync("""
            INSERT INTO retail.products (store_id, sku, brand, product_name, price) VALUES ('redmond', 'ZZSECRET', 'ZZSECRET', 'X', 1) ON CONFLICT DO NOTHING
            """);
        foreach (var argument in (string[])["sku", "brand"])
        {
            var of = argument == "sku" ? "returns_investigation" : "gift_finder";
            Assert.Equal(["ZZSECRET"], (await OfAsync("redmond-manager", of, argument, "zzs")).Values);
            foreach (var typed in (string[])["zzs", "ZZSECRET", "%", "%SECRET", "_ZSECRET", "\\", "' OR true --", "*"])
                foreach (var store in (string?[])[null, "", "seattle", "redmond", "*", "seattle,redmond", "REDMOND", "nowhere", "redmond' --"])
                {
                    var offered = await OfAsync("seattle-manager", of, argument, typed, store);
                    Assert.Empty(offered.Values);
                    Assert.Equal(0, offered.Total);
                }
        }
        Assert.Empty((await OfAsync("seattle-manager", Product, "sku", "", "redmond")).Values);
        await shop.Database.ExecuteAsync("DELETE FROM retail.products WHERE sku = 'ZZSECRET'");
    }

    [Fact]
    public async Task Categories_and_tables_are_found_by_their_beginning()
    {
        Assert.Equal(
            await ListAsync("SELECT category_name FROM retail.product_categories WHERE category_name ILIKE 's%' AND is_active"),
            (await OfAsync("seattle-manager", "restock_plan", "category", "s")).Values);
        var tables = (await OfAsync("seattle-manager", Schema, "table", "")).Values;
        Assert.Contains("products", tables);
        Assert.DoesNotContain("context_keys", tables);
        Assert.Equal(["product_categories", "product_embeddings", "products"], (await OfAsync("seattle-manager", Schema, "table", "product")).Values);
    }

    [Theory]
    [InlineData("sales.read", Product, "sku")]
    [InlineData("sales.read", Store, "store")]
    [InlineData("catalog.read sales.read", Schema, "table")]
    [InlineData("catalog.read", "weekly_review", "store_id")]
    [InlineData("catalog.read", "returns_investigation", "sku")]
    public async Task Without_the_scope_of_what_is_filled_in_nothing_is_offered(string scope, string of, string argument)
    {
        var token = shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "a", ["stores"] = new[] { "seattle" }, ["scope"] = scope });
        Assert.Empty((await CompleteAsync(token, of, argument, "")).Values);
    }

    [Fact]
    public async Task A_completion_is_recorded_and_one_of_a_store_that_does_not_exist_is_empty()
    {
        var token = shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "nobody", ["stores"] = new[] { "nowhere" }, ["scope"] = "catalog.read" });
        Assert.Empty((await CompleteAsync(token, Product, "sku", "")).Values);
        await Eventually.EqualAsync("refused nowhere", () => shop.Database.ScalarAsync<string>(
            "SELECT coalesce(string_agg(outcome || ' ' || store_id, ','), '') FROM retail.tool_calls WHERE tool = 'completion/complete' AND user_name = 'nobody'"));
        Assert.DoesNotContain(shop.Server.Log.Entries, entry => entry.Contains("Completion of", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("gift_finder", "recipient", "m")]
    [InlineData(Product, "sku", "\0")]
    public async Task Where_there_is_nothing_to_offer_the_answer_is_empty(string of, string argument, string typed) =>
        Assert.Empty((await OfAsync("head-office", of, argument, typed)).Values);
}
