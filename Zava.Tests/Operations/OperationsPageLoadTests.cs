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
        new SeedOptions(Scale: 8, SeedOptions.DefaultSeed, new DateOnly(2026, 3, 31)), asOfWasGiven: true, new Progress<SampleDataLoader.Progress>(), cancellationToken);

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

        using (var stopped = new CancellationTokenSource())
        {
            var load = LoadAsync(stopped.Token);
            await Eventually.EqualAsync(true, async () => (await ReadTileAsync()).StartsWith("loading, "));
            await stopped.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => load);
        }
        await Eventually.EqualAsync("not loaded; ", () => ReadTileAsync());

        var (loading, seen, longest) = (LoadAsync(Cancellation), new List<int>(), TimeSpan.Zero);
        while (!loading.IsCompleted)
        {
            var asked = Stopwatch.StartNew();
            var tile = await ReadTileAsync(seen.Count % 2 == 0 ? "/operations/live" : "/");
            longest = asked.Elapsed > longest ? asked.Elapsed : longest;
            if (!tile.StartsWith("loading, "))
                continue; // before it has begun, or after its end
            Assert.EndsWith("%; scale 8", tile);
            await Task.Delay(20, Cancellation);
            seen.Add(int.Parse(tile["loading, ".Length..tile.IndexOf(' ', "loading, ".Length)]));
        }
        await loading;
        Assert.Equal(seen.Order(), seen);
        Assert.True(seen.Distinct().Count() >= 3 && seen[^1] is > 50 and < 100, string.Join(' ', seen));
        Assert.True(longest < TimeSpan.FromSeconds(5), $"The page took {longest} while the seeder had the tables.");
        await Eventually.EqualAsync($"scale 8; loaded {await _database.ScalarAsync<DateTime>("SELECT loaded_at FROM retail.sample_data"):yyyy-MM-dd HH:mm} UTC, sales to 2026-03-31", () => ReadTileAsync());
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
