using Npgsql;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>A database that takes no changes, because it was told so or is a standby: reads go on, changes are refused with what to do, nothing is lost.</summary>
public sealed class ReadOnlyDatabaseTests
{
    const string Refused = "The database takes no changes at present: it may only be read. Nothing was changed by this call";

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Changes_are_refused_and_the_worker_waits_until_it_takes_them_again()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var folder = new PrivateFolder("test-read-only");
        await using var postgres = await KillablePostgres.StartAsync(folder.Path);
        await using var shop = await TroubledShop.StartAsync(postgres, await postgres.SeedAsync());
        await shop.Worker.StartAsync(Cancellation);
        await shop.AssertAllIsEmbeddedAsync();
        Assert.Null(await shop.AdjustAsync());
        Assert.Null(await shop.SellAsync());

        await postgres.ExecuteAsync("ALTER DATABASE retail_db SET default_transaction_read_only = on", "postgres");
        await postgres.EndSessionsAsync();
        await shop.QueueProductsAsync(100);
        await Eventually.EqualAsync(true, async () => (await shop.AdjustAsync())?.StartsWith(Refused)); // once its broken sessions are gone
        Assert.StartsWith(Refused, await shop.SellAsync());
        Assert.Contains($"[[{shop.StockOfWhatWasDone}]]", (await shop.QueryAsync("SELECT current_stock FROM products WHERE sku = 'SKU-seattle'")).Text);
        Assert.Equal(200, await shop.ReadyAsync());
        await WaitsAsync(shop);

        // Its sessions stay: the server's and the worker's own would never learn of it.
        await postgres.ExecuteAsync("ALTER DATABASE retail_db RESET default_transaction_read_only", "postgres");
        await Eventually.EqualAsync(null, shop.AdjustAsync);
        await shop.AssertNothingIsLostAsync();
        await shop.AssertAllIsEmbeddedAsync();
        await Eventually.EqualAsync("Healthy: Products are being embedded as they change.", shop.WorkerHealthAsync);
        await Eventually.EqualAsync("Healthy: ", shop.RecordHealthAsync);
        await Eventually.EqualAsync((long)shop.Calls, postgres.CountCallsAsync);
    }

    [Fact]
    public async Task A_standby_serves_reads_alone_and_everything_once_it_is_promoted()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var folder = new PrivateFolder("test-read-only-primary");
        await using var standbyFolder = new PrivateFolder("test-read-only-standby");
        await using var primary = await KillablePostgres.StartAsync(folder.Path);
        var settings = await primary.SeedAsync();
        await using var standby = await primary.StartStandbyAsync(standbyFolder.Path);
        // One server knows the standby only, the other one both.
        await using var alone = await TroubledShop.StartAsync(standby, WithHosts(settings, standby.Address), primary);
        await using var both = await TroubledShop.StartAsync(standby, WithHosts(settings, $"{primary.Address},{standby.Address}"), primary);
        await alone.Worker.StartAsync(Cancellation);
        Assert.StartsWith(Refused, await alone.AdjustAsync());
        Assert.StartsWith(Refused, await alone.SellAsync());
        Assert.Contains("SKU-seattle", (await alone.CallAsync("get_product", new() { ["sku"] = "SKU-seattle" })).Text);
        await WaitsAsync(alone);

        Assert.Null(await both.AdjustAsync());
        await Eventually.EqualAsync(both.StockOfWhatWasDone, both.StockAsync);
        await primary.KillAsync();
        Assert.StartsWith("The database cannot be reached, or gave no answer. Whether the change was made is not known.", await both.SellAsync());
        await Eventually.EqualAsync(false, async () => (await both.CallAsync("get_product", new() { ["sku"] = "SKU-seattle" })).IsError);
        Assert.StartsWith("The database cannot be reached, or gave no answer.", await both.SellAsync());

        await standby.ExecuteAsync("SELECT pg_promote()");
        await Eventually.EqualAsync(null, both.AdjustAsync);
        await both.AssertNothingIsLostAsync();
        await alone.AssertAllIsEmbeddedAsync();
        await Eventually.EqualAsync("Healthy: Products are being embedded as they change.", alone.WorkerHealthAsync);
        await Eventually.EqualAsync((long)(alone.Calls + both.Calls), standby.CountCallsAsync);
    }

    static Dictionary<string, string?> WithHosts(Dictionary<string, string?> settings, string hosts)
    {
        const string Name = "ConnectionStrings:retail_db";
        // The port is in each host's address.
        var changed = new NpgsqlConnectionStringBuilder(settings[Name]) { Host = hosts };
        changed.Remove("Port");
        return new(settings) { [Name] = changed.ConnectionString };
    }

    static async Task WaitsAsync(TroubledShop shop)
    {
        await Eventually.EqualAsync(
            "Degraded: Embedding with universal-sentence-encoder-lite is interrupted: the database may only be read (25006). Products wait in the queue; it is tried again every 5 s.", shop.WorkerHealthAsync);
        await Eventually.EqualAsync("Degraded: Tool calls and changes are not put on record at present: the database may only be read (25006).", shop.RecordHealthAsync);
        await Task.Delay(TimeSpan.FromSeconds(12), Cancellation); // two more attempts of the worker, a dozen of the record
        // A line for each that fails (the queue, the record of calls, its seal), not for each attempt.
        Assert.InRange(shop.Warnings.Count(line => line.Contains("may only be read")), 2, 3);
        Assert.DoesNotContain(shop.Warnings, line => line.Contains("   at "));
    }
}
