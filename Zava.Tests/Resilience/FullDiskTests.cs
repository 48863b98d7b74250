using Zava.Database;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>A disk without a free byte under the database: callers are told, nothing is half done or lost, and all goes on when there is room.</summary>
public sealed class FullDiskTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Changes_are_refused_with_what_to_do_reads_go_on_and_nothing_is_lost()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var folder = new PrivateFolder("test-full-disk");
        await using var disk = await SmallDisk.MountAsync("test-full-disk-data", megabytes: 96);
        await using var postgres = await KillablePostgres.StartAsync(folder.Path);
        var settings = await postgres.SeedAsync();
        // The write-ahead log stays where there is room.
        await postgres.ExecuteAsync($"CREATE TABLESPACE small LOCATION '{disk.Path}'", "postgres");
        await postgres.EndSessionsAsync();
        await postgres.ExecuteAsync("ALTER DATABASE retail_db SET TABLESPACE small", "postgres");
        await using var shop = await TroubledShop.StartAsync(postgres, settings);
        Assert.Null(await shop.AdjustAsync());
        Assert.Null(await shop.SellAsync());
        await shop.QueueProductsAsync(300);

        disk.Fill();
        await shop.Worker.StartAsync(Cancellation);
        foreach (var change in (Func<Task<string?>>[])[shop.AdjustAsync, shop.SellAsync])
        {
            var refusals = 0;
            for (var sent = 0; refusals < 5; sent++)
            {
                Assert.True(sent < 500, "A full disk took 500 changes.");
                if (await change() is not { } refused)
                    continue; // there was room in a page
                refusals++;
                Assert.StartsWith("The database's disk is full. Nothing was changed by this call.", refused);
                Assert.Contains("idempotency_key", refused);
            }
        }

        // What only reads is right, and what needs room for it is refused.
        Assert.Equal(shop.StockOfWhatWasDone, await shop.StockAsync());
        Assert.Contains($"[[{shop.StockOfWhatWasDone}]]", (await shop.QueryAsync("SELECT current_stock FROM products WHERE sku = 'SKU-seattle'")).Text);
        Assert.Contains("SKU-seattle", (await shop.CallAsync("get_product", new() { ["sku"] = "SKU-seattle" })).Text);
        var (sorted, isError) = await shop.QueryAsync("SELECT count(DISTINCT g || repeat('x', 500)) FROM generate_series(1, 200000) g");
        Assert.True(isError, sorted);
        Assert.StartsWith("The database's disk is full.", sorted);
        Assert.DoesNotContain("base/", sorted);

        Assert.Equal(200, await shop.ReadyAsync());
        await Eventually.EqualAsync("Degraded: Tool calls and changes are not put on record at present: the database's disk is full (53100).", async () =>
        {
            await shop.CallAsync("get_current_utc_date", []); // until there is no room in a page for the record of one more
            return await shop.RecordHealthAsync();
        });
        await Eventually.EqualAsync(
            "Degraded: Embedding with universal-sentence-encoder-lite is interrupted: the database's disk is full (53100). Products wait in the queue; it is tried again every 5 s.", shop.WorkerHealthAsync);
        await Task.Delay(TimeSpan.FromSeconds(12), Cancellation); // two more attempts of the worker, a dozen of the record
        // A line for each that fails (the queue, the record of calls, its seal), not for each attempt.
        Assert.InRange(shop.Warnings.Count(), 2, 3);
        Assert.All(shop.Warnings, line => Assert.Matches("(is interrupted:|could not be recorded yet, because) the database's disk is full \\(53100\\)[^\n]*$", line));

        disk.MakeRoom();
        await shop.AssertNothingIsLostAsync();
        await shop.AssertAllIsEmbeddedAsync();
        await Eventually.EqualAsync((long)shop.Calls, postgres.CountCallsAsync);
        await Eventually.EqualAsync("Healthy: ", shop.RecordHealthAsync);
        await Eventually.EqualAsync("Healthy: Products are being embedded as they change.", shop.WorkerHealthAsync);
        await using var log = postgres.OpenAsAdministrator();
        Assert.Empty((await new AuditVerifier(log).VerifyAsync(Cancellation)).Problems);
    }

    [Fact]
    public async Task No_room_for_the_write_ahead_log_stops_PostgreSQL_and_what_was_answered_as_done_is_there_when_it_starts_again()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var disk = await SmallDisk.MountAsync("test-full-log", megabytes: 400);
        await using var postgres = await KillablePostgres.StartAsync(disk.Path);
        await using var shop = await TroubledShop.StartAsync(postgres, await postgres.SeedAsync());
        for (var change = 0; change < 20; change++)
            Assert.Null(await shop.AdjustAsync() ?? await shop.SellAsync());

        disk.Fill();
        string? refused = null;
        for (var change = 0; refused is null || refused.StartsWith("The database's disk is full. Nothing was changed by this call."); change++)
        {
            Assert.True(change < 500, "PostgreSQL went on without a write-ahead log.");
            try
            {
                await postgres.ExecuteAsync("SELECT pg_switch_wal()");
            }
            catch (Npgsql.NpgsqlException)
            {
                // It is the one that met the end.
            }
            refused = await shop.AdjustAsync() ?? await shop.SellAsync();
        }
        Assert.Equal(
            "The database cannot be reached, or gave no answer. Whether the change was made is not known. Send the same call again in a minute, with the same idempotency_key: it is made once.", refused);
        var (answer, isError) = await shop.QueryAsync("SELECT 1");
        Assert.True(!isError || answer.StartsWith("The database cannot be reached, or is restarting."), answer);

        disk.MakeRoom();
        await Eventually.EqualAsync(false, async () =>
        {
            await postgres.RestartIfEndedAsync();
            return (await shop.QueryAsync("SELECT 1")).IsError;
        });
        await shop.AssertNothingIsLostAsync(refusedMayBeDone: true);
        Assert.Equal(200, await shop.ReadyAsync());
    }
}
