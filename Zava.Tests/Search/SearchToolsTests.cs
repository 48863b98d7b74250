using System.Text.Json;
using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Search;

/// <summary>Searching with filters, in other orders, by likeness, and without an embedding provider.</summary>
public sealed class SearchToolsTests(SeededServer shop) : IClassFixture<SeededServer>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    async Task<JsonElement> AnswerAsync(string tool, Dictionary<string, object?> arguments, string persona = "seattle-manager", RunningServer? server = null)
    {
        var result = await CallAsync(tool, arguments, persona, server);
        Assert.False(result.IsError ?? false, TextOf(result));
        return Assert.NotNull(result.StructuredContent);
    }

    async Task<CallToolResult> CallAsync(string tool, Dictionary<string, object?> arguments, string persona, RunningServer? server = null)
    {
        server ??= shop.Server;
        await using var client = await server.ConnectAsync(server.TokenOf(persona));
        return await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
    }

    static string TextOf(CallToolResult result) => Assert.IsType<TextContentBlock>(result.Content[0]).Text;

    static JsonElement[] Products(JsonElement answer) => [.. answer.GetProperty("products").EnumerateArray()];

    static decimal[] Prices(JsonElement answer) => [.. Products(answer).Select(product => product.GetProperty("price").GetDecimal())];

    public static TheoryData<Dictionary<string, object?>, string> Filters => new()
    {
        { new() { ["category"] = "electronics" }, "coalesce(parent.category_name, c.category_name) = 'Electronics'" },
        { new() { ["category"] = "Camping" }, "c.category_name = 'Camping'" },
        { new() { ["min_price"] = 20, ["max_price"] = 30 }, "p.price BETWEEN 20 AND 30" },
        { new() { ["in_stock"] = true }, "p.current_stock > 0" },
        { new() { ["tags"] = (string[])["gift", "travel"] }, "p.tags @> ARRAY['gift', 'travel']" },
        { new() { ["min_rating"] = 4.5 }, "p.rating_average >= 4.5" },
        { new() { ["category"] = "Home & Garden", ["max_price"] = 40, ["in_stock"] = true }, "coalesce(parent.category_name, c.category_name) = 'Home & Garden' AND p.price <= 40 AND p.current_stock > 0" },
    };

    [Theory, MemberData(nameof(Filters))]
    public async Task A_filter_keeps_out_what_does_not_pass_and_the_page_is_filled_with_what_does(Dictionary<string, object?> filter, string condition)
    {
        var answer = await AnswerAsync("semantic_search_products", new(filter) { ["query"] = "something nice for the weekend", ["limit"] = 50 });
        var found = Products(answer).Select(product => product.GetProperty("product_id").GetGuid()).ToArray();
        var there = await shop.Database.ScalarAsync<long>($"""
            SELECT count(*) FROM retail.products p JOIN retail.product_categories c USING (category_id)
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
             WHERE p.store_id = 'seattle' AND p.is_active AND {condition}
            """);
        var right = await shop.Database.ScalarAsync<long>($"""
            SELECT count(*) FROM retail.products p JOIN retail.product_categories c USING (category_id)
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
             WHERE p.store_id = 'seattle' AND p.product_id = ANY ($1) AND {condition}
            """, found);
        Assert.Equal((Math.Min(there, 50), (long)found.Length), (found.Length, right));
        Assert.NotEqual(0, there);
    }

    [Fact]
    public async Task A_brand_is_found_in_any_case_and_alone()
    {
        var brand = await shop.Database.ScalarAsync<string>("SELECT brand FROM retail.products WHERE store_id = 'seattle' GROUP BY brand ORDER BY count(*) DESC, brand LIMIT 1");
        var answer = await AnswerAsync("semantic_search_products", new() { ["query"] = "gift", ["brand"] = brand.ToUpperInvariant() });
        Assert.All(Products(answer), product => Assert.Equal(brand, product.GetProperty("brand").GetString()));
        Assert.NotEmpty(Products(answer));
    }

    [Fact]
    public async Task Other_orders_sort_what_is_meant_and_leave_out_what_is_not()
    {
        var cheap = await AnswerAsync("semantic_search_products", new() { ["query"] = "noise canceling headphones", ["sort"] = "price_asc" }, "head-office");
        Assert.Equal(Prices(cheap).Order(), Prices(cheap));
        Assert.All(Products(cheap), product => Assert.False(product.GetProperty("is_weak_match").GetBoolean()));
        var dear = await AnswerAsync("semantic_search_products", new() { ["query"] = "noise canceling headphones", ["sort"] = "price_desc", ["limit"] = 3 }, "head-office");
        Assert.Equal(Prices(dear).OrderDescending(), Prices(dear));
        Assert.True(Prices(dear)[0] > Prices(cheap)[0]);
    }

    [Fact]
    public async Task A_misspelt_name_is_read_as_what_it_probably_is_and_the_answer_says_so()
    {
        var answer = await AnswerAsync("semantic_search_products", new() { ["query"] = "noise canceling hedphones" }, "head-office");
        Assert.Contains("headphones", answer.GetProperty("note").GetString());
        Assert.Contains("Headphones", Products(answer)[0].GetProperty("product_name").GetString());
    }

    [Theory]
    [InlineData("{0}")]
    [InlineData("do you have {0} in stock?")]
    public async Task An_article_number_comes_first(string query)
    {
        var sku = await shop.Database.ScalarAsync<string>("SELECT max(sku) FROM retail.products WHERE store_id = 'seattle' AND is_active");
        foreach (var written in (string[])[sku, sku.ToLowerInvariant()])
            Assert.Equal(sku, Products(await AnswerAsync("semantic_search_products", new() { ["query"] = string.Format(query, written) }))[0].GetProperty("sku").GetString());
    }

    [Fact]
    public async Task Similar_products_are_others_of_the_callers_stores_nearest_first()
    {
        var product = Products(await AnswerAsync("semantic_search_products", new() { ["query"] = "camping tent", ["limit"] = 1 }, "head-office"))[0];
        var answer = await AnswerAsync("find_similar_products", new()
        {
            ["product_id"] = product.GetProperty("product_id").GetGuid(),
            ["store_id"] = product.GetProperty("store_id").GetString(),
            ["limit"] = 5,
            ["max_price"] = 500,
        }, "head-office");
        Assert.Equal(5, Products(answer).Length);
        Assert.DoesNotContain(product.GetProperty("product_id").GetGuid(), Products(answer).Select(p => p.GetProperty("product_id").GetGuid()));
        Assert.All(Products(answer), p => Assert.Equal(product.GetProperty("store_id").GetString(), p.GetProperty("store_id").GetString()));
        double[] scores = [.. Products(answer).Select(p => p.GetProperty("similarity_score").GetDouble())];
        Assert.Equal(scores.OrderDescending(), scores);
        Assert.True(scores[0] > .5);
    }

    [Fact]
    public async Task A_product_of_another_store_is_like_none()
    {
        var other = await shop.Database.ScalarAsync<Guid>("SELECT product_id FROM retail.products r WHERE store_id = 'redmond' AND NOT EXISTS (SELECT FROM retail.products s WHERE s.store_id = 'seattle' AND s.product_id = r.product_id) LIMIT 1");
        var refused = await CallAsync("find_similar_products", new() { ["product_id"] = other }, "seattle-manager");
        Assert.True(refused.IsError);
        Assert.StartsWith("No product that you may see", TextOf(refused));
    }

    [Theory]
    [InlineData("semantic_search_products", """{"query": "tent", "category": "Groceries"}""", "category: there is no category of this name. Allowed: Automotive, Books & Media,")]
    [InlineData("semantic_search_products", """{"query": "tent", "min_price": 50, "max_price": 20}""", "min_price: 50 is above max_price 20.")]
    [InlineData("semantic_search_products", """{"query": "tent", "sort": "cheapest"}""", "sort: \"cheapest\" was sent.")]
    [InlineData("semantic_search_products", """{"query": "tent", "tags": []}""", "tags: [] was sent.")]
    [InlineData("semantic_search_products", """{"query": "tent", "min_rating": 6}""", "min_rating: 6 was sent.")]
    [InlineData("find_similar_products", "{}", "product_id, sku: exactly one of the two must be given.")]
    public async Task A_bad_argument_is_named(string tool, string arguments, string said)
    {
        var result = await CallAsync(tool, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments)!, "seattle-manager");
        Assert.True(result.IsError);
        Assert.StartsWith(said, TextOf(result));
    }

    [Fact]
    public async Task Categories_are_counted_in_the_callers_stores()
    {
        var answer = await AnswerAsync("list_categories", []);
        var categories = answer.GetProperty("categories").EnumerateArray().ToList();
        var top = categories.Where(category => category.GetProperty("parent").ValueKind == JsonValueKind.Null).ToList();
        Assert.Equal(7, top.Count);
        Assert.Equal(
            await shop.Database.ScalarAsync<long>("SELECT count(*) FROM retail.products WHERE store_id = 'seattle' AND is_active AND category_id IS NOT NULL"),
            top.Sum(category => category.GetProperty("products").GetInt64()));
        Assert.All(top, parent => Assert.Equal(
            parent.GetProperty("in_stock").GetInt64(),
            categories.Where(child => child.GetProperty("parent").GetString() == parent.GetProperty("category_name").GetString()).Sum(child => child.GetProperty("in_stock").GetInt64())));
    }

    [Fact]
    public async Task Without_the_embedding_provider_words_are_compared_and_the_answer_says_so()
    {
        await using var server = await RunningServer.StartAsync(shop.Database, configure: builder =>
        {
            // Nothing listens there.
            builder.Configuration["Embeddings:Provider"] = "openai";
            builder.Configuration["Embeddings:OpenAI:ApiKey"] = "none";
            builder.Configuration["Embeddings:OpenAI:Endpoint"] = "http://127.0.0.1:9/";
        });
        foreach (var query in (string[])["noise canceling headphones", "camping tent"])
        {
            var answer = await AnswerAsync("semantic_search_products", new() { ["query"] = query }, "head-office", server);
            Assert.Equal("words", answer.GetProperty("compared_by").GetString());
            Assert.Contains(query.Split(' ')[^1], Products(answer)[0].GetProperty("product_name").GetString(), StringComparison.OrdinalIgnoreCase);
            Assert.Equal(JsonValueKind.Null, Products(answer)[0].GetProperty("similarity_score").ValueKind);
        }
        var nothing = await AnswerAsync("semantic_search_products", new() { ["query"] = "xylophone" }, "head-office", server);
        Assert.StartsWith("No product has these words", nothing.GetProperty("note").GetString());
        Assert.DoesNotContain(server.Log.Entries, entry => entry.Contains("headphones"));
    }
}
