using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.Extensions.Options;
using Npgsql;
using Zava.Database;

namespace Zava.Benchmarks;

/// <summary>
/// One pool for all stores, used by many at once, with cancelled and failing statements and sessions that are cut: no row
/// may reach a caller whose store it is not.
/// </summary>
public static class Soak
{
    /// <param name="Statements">Queries that were begun, whatever became of them.</param>
    /// <param name="Rows">Rows that were received.</param>
    /// <param name="WrongRows">Rows of a store that the caller may not see.</param>
    /// <param name="Cancelled">Queries that were cancelled on purpose.</param>
    /// <param name="Failed">Queries that failed: on purpose, or because their session was cut.</param>
    /// <param name="Cut">Sessions that were cut.</param>
    public sealed record Report(long Statements, long Rows, long WrongRows, long Cancelled, long Failed, long Cut);

    /// <param name="application">The pool of <c>mcp_user</c>.</param>
    /// <param name="administrator">A superuser of the same database, who cuts sessions.</param>
    /// <param name="key">Seals the contexts.</param>
    /// <param name="statements">How many queries.</param>
    /// <param name="report">Is told how many there have been, now and then.</param>
    /// <param name="cancellationToken">Stops early.</param>
    public static async Task<Report> RunAsync(
        NpgsqlDataSource application, NpgsqlDataSource administrator, ContextKey key, long statements, Action<long>? report, CancellationToken cancellationToken)
    {
        const int Callers = 16;
        var sealer = new ContextSealer(key, TimeProvider.System);
        var tenant = new TenantDatabase(application, sealer);
        await using var queries = new QueryDatabase(application, key, sealer, Options.Create(new QueryOptions()));
        StoreSet[] sets =
        [
            StoreSet.Of("seattle"), StoreSet.Of("redmond"), StoreSet.Of("bellevue"), StoreSet.Of("online"), StoreSet.Of("seattle", "online"), StoreSet.Every,
        ];
        var (begun, rows, wrong, cancelled, failed, cut) = (0L, 0L, 0L, 0L, 0L, 0L);
        var surprises = new ConcurrentQueue<Exception>();

        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var cutter = CutAsync();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(seed => Task.Run(() => CallAsync(new Random(seed)), cancellationToken)));
        await done.CancelAsync();
        await cutter;
        return surprises.TryDequeue(out var surprise)
            ? throw new InvalidOperationException($"The soak ended with an error that nothing in it explains: {surprise.Message}", surprise)
            : new(begun, rows, wrong, cancelled, failed, cut);

        async Task CallAsync(Random random)
        {
            while (surprises.IsEmpty && !cancellationToken.IsCancellationRequested)
            {
                var number = Interlocked.Increment(ref begun);
                if (number > statements)
                {
                    Interlocked.Decrement(ref begun);
                    return;
                }
                if (number % 1_000 == 0)
                    report?.Invoke(number);
                var stores = sets[random.Next(sets.Length)];
                var context = new TenantContext(stores, "soak@zava.example", "soak");
                using var cancel = new CancellationTokenSource();
                // A cancelled statement costs its session, and a new one costs as much as a hundred statements.
                var kind = random.Next(200);
                if (kind is 0 or 1)
                    cancel.CancelAfter(TimeSpan.FromMicroseconds(random.Next(1_500)));
                try
                {
                    // None of them names a store: what keeps the others' rows out is the context alone.
                    var seen = kind switch
                    {
                        2 or 3 or 4 => await tenant.QueryAsync(context, new("SELECT store_id, 1 / (price - price) FROM retail.products"), row => row.GetString(0), cancel.Token),
                        5 or 6 or 7 or 8 when stores.IsEvery || stores.Names.Count == 1 =>
                            [.. (await queries.RunAsync(context, stores.IsEvery, "SELECT store_id FROM products ORDER BY sku", 50, cancel.Token)).Rows.Select(row => (string)row[0]!)],
                        < 100 => await tenant.QueryAsync(context, new("SELECT store_id FROM retail.customers ORDER BY email LIMIT 20"), row => row.GetString(0), cancel.Token),
                        _ => await tenant.QueryAsync(context, new("SELECT store_id FROM retail.products LIMIT 30"), row => row.GetString(0), cancel.Token),
                    };
                    Interlocked.Add(ref rows, seen.Count);
                    Interlocked.Add(ref wrong, seen.Count(store => !stores.IsEvery && !stores.Names.Contains(store)));
                }
                catch (OperationCanceledException) when (cancel.IsCancellationRequested)
                {
                    Interlocked.Increment(ref cancelled);
                }
                // A division by zero, a session that was cut, or a query that was refused while its login's sessions were.
                catch (Exception expected) when (expected is DbException or QueryRefusedException or IOException or ObjectDisposedException)
                {
                    Interlocked.Increment(ref failed);
                }
                catch (Exception unexpected)
                {
                    surprises.Enqueue(unexpected);
                }
            }
        }

        async Task CutAsync()
        {
            try
            {
                while (true)
                {
                    await Task.Delay(250, done.Token);
                    await using var command = administrator.CreateCommand("""
                        SELECT count(pg_terminate_backend(pid)) FROM (
                            SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND (usename = 'mcp_user' OR usename LIKE 'zava\_q\_%') ORDER BY random() LIMIT 1) AS one
                        """);
                    Interlocked.Add(ref cut, (long)(await command.ExecuteScalarAsync(done.Token))!);
                }
            }
            catch (OperationCanceledException) when (done.IsCancellationRequested)
            {
            }
        }
    }
}
