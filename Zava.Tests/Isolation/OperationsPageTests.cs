using Zava.Tests.Browser;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>The operations page tells an operator of one store nothing of another, whatever login the server has besides.</summary>
public sealed class OperationsPageTests(TwoStores stores) : IClassFixture<TwoStores>, IAsyncLifetime
{
    // Its rows are the indexes most read so far, which no test can know.
    const string MonitoringTable = """<div class="scroll" role="region" aria-label="Indexes" """;

    RunningServer _server = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(stores.Database, configure: OperationsShop.WithOperators(stores.Database));
        await stores.Database.ExecuteAsync("""
            SELECT retail.record_tool_calls(jsonb_agg(jsonb_build_object(
                       'called_at', now(), 'tool', 'tool of ' || coalesce(store, 'several'), 'user_name', 'u', 'store_id', store, 'outcome', 'ok', 'duration_ms', 1)))
              FROM unnest(ARRAY['seattle', 'redmond', NULL]) AS store
            """);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    async Task<string> ReadAsync(string store, string? asked = null)
    {
        using var http = _server.CreateHttpClient(_server.Issuer.Issue(new Dictionary<string, object>
        {
            ["sub"] = "operator@zava.example",
            ["stores"] = (string[])[store],
            ["scope"] = "ops.read catalog.read",
        }));
        using var answer = asked is null
            ? await http.GetAsync("/", Cancellation)
            : await http.PostAsync("/", new FormUrlEncodedContent([new("query", "secret"), new("store", asked)]), Cancellation);
        return await answer.Content.ReadAsStringAsync(Cancellation);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("redmond")]
    [InlineData("*")]
    public async Task An_operator_of_one_store_sees_nothing_of_another(string? asked)
    {
        var page = await ReadAsync("seattle", asked);
        Assert.Contains("Zava Retail seattle", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("tool of seattle", page);
        if (asked is "")
            Assert.Contains("SECRET-seattle", page);
        foreach (var secret in await stores.SecretsOfAsync("redmond"))
            Assert.DoesNotContain(secret, page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("tool of redmond", page);
        Assert.DoesNotContain("tool of several", page);
        Assert.DoesNotContain(MonitoringTable, page);
        // The operator's own word may stand in the answer that refuses it.
        Assert.Equal(asked == "redmond" ? 1 : 0, page.Split("redmond").Length - 1);
    }

    [Fact]
    public async Task What_is_drawn_once_for_many_is_drawn_for_those_of_the_same_stores()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).SelectMany(_ => (string[])["*", "seattle", "redmond"]).Select(async store =>
        {
            using var http = _server.CreateHttpClient(_server.Issuer.Issue(new Dictionary<string, object>
            {
                ["sub"] = "operator@zava.example",
                ["stores"] = (string[])[store],
                ["scope"] = "ops.read",
            }));
            var shown = await http.GetStringAsync("/operations/live", Cancellation) + await http.GetStringAsync("/operations/slow", Cancellation);
            foreach (var one in (string[])["seattle", "redmond"])
                Assert.Equal((store, store == "*" || store == one), (store, shown.Contains(one)));
            Assert.Equal((store, store == "*"), (store, shown.Contains(MonitoringTable)));
        }));
    }

    [Fact]
    public async Task What_the_page_says_of_the_sample_data_no_service_can_change()
    {
        await using var application = await stores.Database.As("mcp_user").OpenConnectionAsync(Cancellation);
        foreach (var sql in (string[])["INSERT INTO retail.sample_data (scale, seed, as_of) VALUES (1, 1, now())", "DELETE FROM retail.sample_data", "UPDATE retail.sample_data SET scale = 2"])
            Assert.Equal(Npgsql.PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<Npgsql.PostgresException>(() => application.ExecuteAsync(sql))).SqlState);
    }

    [Fact]
    public async Task An_operator_of_every_store_sees_all_and_the_monitoring_views()
    {
        var page = await ReadAsync("*", "");
        foreach (var shown in (string[])["tool of seattle", "tool of redmond", "tool of several", "SECRET-seattle", "SECRET-redmond", MonitoringTable])
            Assert.Contains(shown, page);
    }

    [Fact]
    public async Task A_store_that_does_not_exist_is_refused_as_one_that_is_not_the_operators()
    {
        var (other, none) = (await ReadAsync("seattle", "redmond"), await ReadAsync("seattle", "nowhere"));
        Assert.Equal(Refusal(other).Replace("redmond", "X"), Refusal(none).Replace("nowhere", "X"));

        static string Refusal(string page)
        {
            var end = page.IndexOf("</p>", page.IndexOf("is not a store that you may see", StringComparison.Ordinal), StringComparison.Ordinal);
            return page[page.LastIndexOf('<', end - 1)..end];
        }
    }
}
