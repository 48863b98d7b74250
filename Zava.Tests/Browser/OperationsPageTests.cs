using System.Text.Json;
using Zava.Tests.Conformance;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Browser;

/// <summary>The operations page as a browser shows it.</summary>
public sealed class OperationsPageTests(OperationsShop shop) : IClassFixture<OperationsShop>
{
    const string Hostile = "<script>window.stolen = 1</script><img src=x onerror=\"window.stolen = 2\">";

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    const string Text = "document.body.innerText";

    [Fact]
    public async Task It_loads_without_a_complaint_and_asks_nobody_but_the_server()
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("seattle-manager"));
        await client.CallToolAsync("list_stores", cancellationToken: Cancellation);
        await using var page = await shop.SignInAsync();
        foreach (var shown in (string[])["State", "Database login", "Record of calls", "Migrations", "all have run", "universal-sentence-encoder-lite", "Calls per second", "Newest audit entries", "Tables", "sales_transactions"])
            await page.UntilAsync($"{Text}.includes('{shown}')");
        // Recorded within a second, and fetched by the page itself.
        await page.UntilAsync($"document.getElementById('live').innerText.includes('list_stores')");
        Assert.Equal("", await page.EvaluateAsync<string>("location.hash"));
        Assert.Equal("", await page.EvaluateAsync<string>("document.cookie"));

        Assert.Empty(page.Complaints);
        Assert.NotEmpty(page.Requests);
        Assert.All(page.Requests, request => Assert.True(request.StartsWith(shop.Server.Address.ToString()) || request.StartsWith("data:"), request));
        Assert.DoesNotContain(page.Requests, request => new Uri(request) is { IsFile: true } or { Query.Length: > 0 });
    }

    [Fact]
    public async Task By_keyboard_alone_a_search_shows_for_each_store_what_is_found_and_why()
    {
        await using var page = await shop.SignInAsync();
        var presses = 0;
        while (await page.EvaluateAsync<string?>("document.activeElement.name ?? null") != "query")
        {
            Assert.True(++presses <= 3, "The search box takes more than three presses of Tab.");
            await page.PressAsync("Tab", 9);
        }
        await page.TypeAsync("something to keep my coffee hot on the train");
        await page.PressAsync("Enter", 13, "\r");
        await page.UntilAsync("document.querySelector('[aria-label=\"Found in seattle\"]') && document.readyState === 'complete'");

        var rows = await page.EvaluateAsync<string[][]>("[...document.querySelectorAll('[aria-label=\"Found in seattle\"] tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))");
        Assert.Equal(5, rows.Length);
        Assert.All(rows, row => Assert.Equal(double.Parse(row[5]), double.Parse(row[3]) + double.Parse(row[4]), tolerance: 0.002));
        Assert.Contains(rows, row => row[6] == "good");
        foreach (var store in (string[])["redmond", "bellevue", "online"])
            Assert.True(await page.EvaluateAsync<bool>($"!!document.querySelector('[aria-label=\"Found in {store}\"] tbody tr')"), store);

        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("seattle-manager"));
        var agents = await client.CallToolAsync("semantic_search_products", new Dictionary<string, object?> { ["query"] = "something to keep my coffee hot on the train", ["limit"] = 5 }, cancellationToken: Cancellation);
        Assert.Equal(
            agents.StructuredContent!.Value.GetProperty("products").EnumerateArray().Select(product => product.GetProperty("sku").GetString()!),
            rows.Select(row => row[1]));
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Embedding_progress_moves_while_one_looks()
    {
        await using var page = await shop.SignInAsync();
        await shop.Database.ExecuteAsync("UPDATE retail.products SET product_name = product_name || ' II' WHERE store_id = 'online'");
        var count = await shop.Database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue");
        Assert.True(count > 20);
        await page.UntilAsync($"{Text}.includes('\\n{count} waiting')");

        using var worker = shop.BuildWorker();
        await worker.StartAsync(Cancellation);
        await page.UntilAsync($"{Text}.includes('\\n0 waiting')");
        await worker.StopAsync(Cancellation);
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Sizes_and_audit_entries_come_without_a_reload()
    {
        await using var page = await shop.SignInAsync();
        const string Audit = "document.querySelector('[aria-label=\"Newest audit entries\"]').innerText";
        await page.EvaluateAsync<object>($"window.audited = {Audit}, null");
        await shop.Database.ExecuteAsync("UPDATE retail.stores SET store_name = 'A new name' WHERE store_id = 'bellevue'");
        await page.UntilAsync("document.querySelector('[aria-label=\"Stores\"]').innerText.includes('A new name')");
        Assert.True(await page.EvaluateAsync<bool>($"window.audited && window.audited !== {Audit}")); // a reload would have forgotten it
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Markup_in_data_is_shown_as_text_and_never_runs()
    {
        await shop.Database.ExecuteAsync("""
            INSERT INTO retail.products (store_id, sku, product_name, product_description, brand, price) VALUES ('seattle', 'XSS-<b>1</b>', 'A tent ' || $1, $1, $1, 10)
            """, Hostile);
        using (var worker = shop.BuildWorker())
        {
            await worker.StartAsync(Cancellation);
            await Eventually.EqualAsync(0L, () => shop.Database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue"));
            await worker.StopAsync(Cancellation);
        }
        await shop.Database.ExecuteAsync("UPDATE retail.stores SET store_name = $1 WHERE store_id = 'seattle'", Hostile);
        await shop.Database.ExecuteAsync("""
            SELECT retail.record_tool_calls(jsonb_build_array(jsonb_build_object('called_at', now(), 'tool', $1, 'user_name', $1, 'store_id', 'seattle', 'outcome', 'ok', 'duration_ms', 1)))
            """, Hostile);
        await using var page = await shop.SignInAsync();
        await page.EvaluateAsync<object>($$"""
            document.querySelector('[name=query]').value = 'A tent window stolen ' + {{JsonSerializer.Serialize(Hostile)}}, document.querySelector('form').requestSubmit(), null
            """);
        await page.UntilAsync("document.querySelector('[aria-label=\"Found in seattle\"]') && document.readyState === 'complete'");
        foreach (var place in (string[])["[aria-label=\"Found in seattle\"]", "[aria-label=\"Stores\"]", "[aria-label=\"Calls by tool\"]"])
            await page.UntilAsync($"document.querySelector('{place.Replace("'", "\\'")}').innerText.includes('<script>window.stolen')");

        Assert.Equal("undefined", await page.EvaluateAsync<string>("typeof window.stolen"));
        Assert.Equal(1, await page.EvaluateAsync<int>("document.scripts.length"));
        Assert.Equal(0, await page.EvaluateAsync<int>("document.images.length + document.querySelectorAll('main b').length"));
        Assert.Empty(page.Complaints);
    }

    [Theory]
    [InlineData("light", 1280)]
    [InlineData("dark", 1280)]
    [InlineData("light", 390)]
    [InlineData("dark", 390)]
    public async Task It_is_accessible(string scheme, int width)
    {
        var axe = await NodePackages.ReadAsync("node_modules/axe-core/axe.min.js");
        await using var page = await shop.Chromium.OpenAsync();
        await page.PreferAsync(scheme);
        await page.ResizeAsync(width, 900);
        await page.GoToAsync(new Uri(shop.Server.Address, "/sign-in"));
        await AssertAccessibleAsync();
        await page.GoToAsync(shop.Server.IssueSignInLink("/sign-in?again"));
        await page.UntilAsync("document.title.startsWith('Operations') && document.readyState === 'complete'");
        await page.EvaluateAsync<object>("document.querySelector('[name=query]').value = 'warm gloves', document.querySelector('form').requestSubmit(), null");
        await page.UntilAsync("document.querySelector('[aria-label=\"Found in seattle\"]') && document.readyState === 'complete'");
        await AssertAccessibleAsync();
        // Nothing but its tables is wider than the window.
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"));

        async Task AssertAccessibleAsync()
        {
            await page.EvaluateAsync<object>($"{axe};null");
            var violations = await page.EvaluateAsync<string[]>("""
                axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations.filter(violation => violation.impact !== 'minor')
                    .flatMap(violation => violation.nodes.map(node => `${violation.id} (${violation.impact}): ${node.html} ${node.failureSummary}`)))
                """);
            Assert.Empty(violations);
        }
    }
}
