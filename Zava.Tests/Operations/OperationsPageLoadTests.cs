using System.Diagnostics;
using System.Text.RegularExpressions;
using Zava.Database;
using Zava.Seeder;
using Zava.Seeder.SampleData;
using Zava.Tests.Browser;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Operations;

/// <summary>The operations page while the seeder loads, and while many look at it.</summary>
public sealed partial class OperationsPageLoadTests(DatabaseTemplate template) : IAsyncLifetime
{
    TestDatabase _database = null!;
    RunningServer _server = null!;
    HttpClient _viewer = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await template.CreateDatabaseAsync();
        _server = await RunningServer.StartAsync(_database, configure: builder =>
        {
            OperationsShop.WithOperators(_database)(builder);
            builder.Configuration["Limits:RequestsPerMinute"] = "1000000";
        });
        _viewer = _server.CreateHttpClient(_server.TokenOf("head-office"));
    }

    [GeneratedRegex(@"Sample data<strong class=""good"">([^<]*)</strong><small>([^<]*)</small>")]
    static partial Regex Tile { get; }

    /// <summary>What the tile of the sample data says.</summary>
    async Task<string> ReadTileAsync(string path = "/operations/live")
    {
        var found = Tile.Match(await _viewer.GetStringAsync(path, Cancellation));
        Assert.True(found.Success, path);
        return $"{found.Groups[1].Value}; {found.Groups[2].Value}";
    }

    Task<long> LoadAsync(CancellationToken cancellationToken) => new SampleDataLoader(_database.ConnectionString(DatabaseRole.Seeder)).LoadAsync(
        new SeedOptions(Scale: 1, SeedOptions.DefaultSeed, new DateOnly(2026, 3, 31)), asOfWasGiven: true, new Progress<SampleDataLoader.Progress>(), cancellationToken);

    /// <summary>Makes a load wait at the end of each store whose name is held as an advisory lock, so that it is seen there however fast it is.</summary>
    async Task<string[]> HoldLoadsAsync()
    {
        await _database.ExecuteAsync("""
            CREATE FUNCTION public.wait_for_the_test() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock_shared(hashtext(NEW.store_id));
                RETURN NEW;
            END $$;
            CREATE TRIGGER wait_for_the_test BEFORE INSERT ON retail.audit_log FOR EACH ROW WHEN (NEW.action = 'BULK_INSERT') EXECUTE FUNCTION public.wait_for_the_test();
            """);
        return await _database.ScalarAsync<string[]>("SELECT array_agg(store_id ORDER BY store_type = 'flagship' DESC, store_id) FROM retail.stores WHERE is_active");
    }

    [Fact]
    public async Task It_shows_how_far_the_seeder_is_does_not_wait_for_it_and_says_what_was_loaded()
    {
        Assert.Equal("not loaded; ", await ReadTileAsync());
        // Any session may give itself a name; only the seeder's is believed.
        await using (var forger = await _database.As(DatabaseRole.Application).OpenConnectionAsync(Cancellation))
        {
            await forger.ExecuteAsync("SET application_name = 'sample data: 50 % of scale 1'");
            Assert.Equal("not loaded; ", await ReadTileAsync());
        }

        var stores = await HoldLoadsAsync();
        var (early, late) = (stores[0], stores[^1]);
        await using var gates = await _database.As(null).OpenConnectionAsync(Cancellation);
        await HoldAsync("lock", early);
        using (var stopped = new CancellationTokenSource())
        {
            var load = LoadAsync(stopped.Token);
            await Eventually.EqualAsync(true, async () => (await ReadTileAsync()).StartsWith("loading, "));
            await stopped.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => load);
        }
        await Eventually.EqualAsync("not loaded; ", () => ReadTileAsync());

        await HoldAsync("lock", late);
        var loading = LoadAsync(Cancellation);
        var first = await PercentAtAsync(early);
        await HoldAsync("unlock", early);
        var second = await PercentAtAsync(late);
        await HoldAsync("unlock", late);
        await loading;
        Assert.True(first is > 0 and < 50 && second is > 50 and < 100, $"{first} %, then {second} %");
        await Eventually.EqualAsync($"scale 1; loaded {await _database.ScalarAsync<DateTime>("SELECT loaded_at FROM retail.sample_data"):yyyy-MM-dd HH:mm} UTC, sales to 2026-03-31", () => ReadTileAsync());

        Task HoldAsync(string how, string store) => gates.ExecuteAsync($"SELECT pg_advisory_{how}(hashtext('{store}'))");

        // What the page says once the load waits at the end of this store; by then it has the tables, and the page must not wait for them.
        async Task<int> PercentAtAsync(string store)
        {
            await Eventually.EqualAsync(true, () => _database.ScalarAsync<bool>(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = hashtext($1)::int8 & x'ffffffff'::int8)", store));
            // What was drawn before may still be shown for as long as a drawing is kept.
            var kept = Stopwatch.StartNew();
            var tile = "";
            for (var asked = 0; kept.Elapsed < TimeSpan.FromSeconds(2.5) || asked < 2; asked++)
            {
                var answer = Stopwatch.StartNew();
                tile = await ReadTileAsync(asked % 2 == 0 ? "/operations/live" : "/");
                Assert.True(answer.Elapsed < TimeSpan.FromSeconds(5), $"The page took {answer.Elapsed} while the seeder had the tables.");
                await Task.Delay(100, Cancellation);
            }
            Assert.Matches("^loading, [0-9]+ %; scale 1$", tile);
            return int.Parse(tile["loading, ".Length..tile.IndexOf(" %", StringComparison.Ordinal)]);
        }
    }

    [Fact]
    public async Task However_many_look_the_database_is_asked_once_in_two_seconds()
    {
        await _database.ExecuteAsync(SqlResource.Read("Monitoring.sql"));
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 12).Select(async viewer =>
        {
            using var http = _server.CreateHttpClient(_server.TokenOf("head-office"));
            while (clock.Elapsed < TimeSpan.FromSeconds(5))
                foreach (var part in (string[])["live", "slow"])
                    Assert.Contains("<h2>", await http.GetStringAsync($"/operations/{part}", Cancellation));
        }));
        Assert.InRange(await CountAsync("%AS embedded%"), 2, 3);
        Assert.Equal(1, await CountAsync("%FROM retail.sales_transactions t%"));

        Task<long> CountAsync(string statement) => _database.ScalarAsync<long>("""
            SELECT coalesce(sum(calls), 0)::bigint FROM public.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
             WHERE d.datname = current_database() AND s.query LIKE $1 AND s.query NOT LIKE '%pg_stat_statements%'
            """, statement);
    }

    public async ValueTask DisposeAsync()
    {
        _viewer.Dispose();
        await _server.DisposeAsync();
        await _database.DisposeAsync();
    }
}
