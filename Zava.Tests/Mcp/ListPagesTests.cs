using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Lists, two entries a page.</summary>
public sealed class ListPagesTests(ListPagesTests.Shop shop) : IClassFixture<ListPagesTests.Shop>
{
    public sealed class Shop(DatabaseTemplate template) : IAsyncLifetime
    {
        public TestDatabase Database { get; private set; } = null!;

        public RunningServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(
            Database = await template.CreateDatabaseAsync(), configure: builder => builder.Configuration.AddInMemoryCollection([new("Lists:PageSize", "2")]));

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            await Database.DisposeAsync();
        }
    }

    string Token(string scope) => shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "a", ["stores"] = new[] { "seattle" }, ["scope"] = scope });

    Task<JsonElement> AskAsync(string token, string list, string? cursor) =>
        shop.Server.AskAsync(token, list, cursor is null ? "{}" : $$"""{"cursor":{{JsonSerializer.Serialize(cursor)}}}""");

    async Task<List<string[]>> PagesAsync(string token, string list, string items, string name)
    {
        var pages = new List<string[]>();
        string? cursor = null;
        do
        {
            var page = (await AskAsync(token, list, cursor)).GetProperty("result");
            pages.Add([.. page.GetProperty(items).EnumerateArray().Select(item => item.GetProperty(name).GetString()!)]);
            cursor = page.TryGetProperty("nextCursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);
        return pages;
    }

    [Theory]
    [InlineData("tools/list", "tools", "name", "catalog.read sales.read sales.sql", 13)]
    [InlineData("tools/list", "tools", "name", "catalog.read", 5)]
    [InlineData("prompts/list", "prompts", "name", "catalog.read sales.read", 4)]
    [InlineData("resources/templates/list", "resourceTemplates", "uriTemplate", "catalog.read sales.read sales.sql", 4)]
    [InlineData("resources/templates/list", "resourceTemplates", "uriTemplate", "sales.sql", 1)]
    [InlineData("resources/list", "resources", "uri", "catalog.read", 0)]
    public async Task The_pages_hold_every_entry_once_in_order_and_are_full_but_the_last(string list, string items, string name, string scope, int atLeast)
    {
        var pages = await PagesAsync(Token(scope), list, items, name);
        Assert.All(pages.SkipLast(1), page => Assert.Equal(2, page.Length));
        var all = pages.SelectMany(page => page).ToList();
        Assert.True(all.Count >= atLeast, string.Join(' ', all));
        Assert.Equal(all.Distinct().Order(StringComparer.Ordinal), all);
        Assert.Equal(Math.Max(1, (all.Count + 1) / 2), pages.Count);
    }

    [Fact]
    public async Task The_clients_own_listing_gets_all_of_them()
    {
        var token = Token("catalog.read sales.read sales.sql");
        await using var client = await shop.Server.ConnectAsync(token);
        var tools = (await client.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken)).Select(tool => tool.Name);
        Assert.Equal((await PagesAsync(token, "tools/list", "tools", "name")).SelectMany(page => page), tools);
    }

    // Wherever a cursor leads, it is to entries that the caller is listed anyway.
    [Fact]
    public async Task A_cursor_of_another_caller_or_list_a_changed_one_and_none_at_all_are_refused_alike()
    {
        var (many, few) = (Token("sales.read sales.sql"), Token("catalog.read"));
        // After execute_sales_query and get_basket_affinity, neither of which few may see.
        var foreign = (await AskAsync(many, "tools/list", null)).GetProperty("result").GetProperty("nextCursor").GetString()!;
        var own = (await AskAsync(few, "tools/list", null)).GetProperty("result").GetProperty("nextCursor").GetString()!;
        var swapped = (own[0] == 'A' ? 'B' : 'A') + own[1..];
        var refusals = new HashSet<string>();
        foreach (var (list, cursor) in ((string, string)[])
        [
            ("tools/list", foreign), ("tools/list", swapped), ("tools/list", own + "="), ("tools/list", own[..^1]), ("tools/list", ""), ("tools/list", "list_stores"), ("tools/list", "2"),
            ("tools/list", new string('x', 10_000)), ("prompts/list", own), ("resources/list", own), ("resources/templates/list", own),
        ])
            refusals.Add(RawMcp.ErrorOf(await AskAsync(few, list, cursor)));
        Assert.Equal(["-32602 cursor: it is not one that this list has given to you. Allowed: nextCursor of the answer before, or left out to begin again."], refusals);
    }

    [Fact]
    public async Task Each_page_may_be_kept_by_its_caller_for_a_while()
    {
        var token = Token("catalog.read");
        var first = (await AskAsync(token, "tools/list", null)).GetProperty("result");
        var second = (await AskAsync(token, "tools/list", first.GetProperty("nextCursor").GetString())).GetProperty("result");
        Assert.All((JsonElement[])[first, second], page => Assert.Equal(("private", 300_000), (page.GetProperty("cacheScope").GetString(), page.GetProperty("ttlMs").GetInt64())));
    }

    [Theory]
    [InlineData("Lists:PageSize", "0", "PageSize")]
    [InlineData("Lists:PageSize", "1001", "PageSize")]
    [InlineData("Lists:PageSise", "5", "PageSise")]
    public async Task A_page_size_that_is_none_stops_the_start(string setting, string value, string named)
    {
        await using var app = RunningServer.Build("Production", new()
        {
            ["ConnectionStrings:retail_db"] = shop.Database.ConnectionString(DatabaseRole.Application),
            ["Database:ContextKey:Secret"] = Convert.ToBase64String(shop.Database.Key.Secret),
            ["Identity:Authority"] = "https://localhost",
            ["Identity:Audience"] = "zava",
            [setting] = value,
        });
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync(TestContext.Current.CancellationToken));
        Assert.True(refused is OptionsValidationException or InvalidOperationException, refused.GetType().Name);
        Assert.Contains(named, refused.Message);
    }
}
