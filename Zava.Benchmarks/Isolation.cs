using System.Diagnostics;
using Npgsql;
using Zava.Database;

namespace Zava.Benchmarks;

/// <summary>
/// What isolation costs: the same query as every tool runs it, in a read-only transaction under a sealed context and through row-level
/// security, and as a superuser, whom no policy binds: on a pool like the server's, which resets no sessions, and on one as Npgsql makes it.
/// </summary>
static class Isolation
{
    /// <summary>Microseconds a call.</summary>
    public readonly record struct Time(double Median, double P99);

    /// <param name="Query">What is asked for.</param>
    /// <param name="Plain">Without isolation.</param>
    /// <param name="WithResets">Without isolation, on a pool that resets sessions.</param>
    /// <param name="Isolated">With isolation.</param>
    public sealed record Line(string Query, Time Plain, Time WithResets, Time Isolated)
    {
        public double Overhead => Isolated.Median / Plain.Median - 1;

        public double OverheadToResets => Isolated.Median / WithResets.Median - 1;
    }

    const string Lookup = "SELECT product_id, sku, product_name, price FROM retail.products WHERE store_id = $1 AND product_id = $2";

    const string Page = """
        SELECT product_id, sku, product_name, product_description, price, current_stock FROM retail.products
         WHERE store_id = $1 AND category_id = (SELECT category_id FROM retail.products WHERE store_id = $1 AND product_id = $2) ORDER BY sku LIMIT 10
        """;

    const string Report = "SELECT date_trunc('month', transaction_date), count(*), sum(total_amount) FROM retail.sales_transactions WHERE store_id = $1 AND $2::uuid IS NOT NULL GROUP BY 1";

    /// <summary>Rounds alternate between the two, so that what else the machine does falls on both.</summary>
    public static async Task<List<Line>> RunAsync(BenchmarkDatabase database, TimeSpan time, CancellationToken cancellationToken)
    {
        var tenant = new TenantDatabase(database.Application, new(database.Key, TimeProvider.System));
        var context = new TenantContext(StoreSet.Of("seattle"), "bench@zava.example", "bench");
        Guid product;
        await using (var any = database.Administrator.CreateCommand("SELECT product_id FROM retail.products WHERE store_id = 'seattle' ORDER BY sku LIMIT 1"))
            product = (Guid)(await any.ExecuteScalarAsync(cancellationToken))!;

        var lines = new List<Line>();
        foreach (var (name, sql) in ((string, string)[])[("one product by key", Lookup), ("ten products of a category", Page), ("a year of sales by month", Report)])
        {
            Func<Task>[] ways = [() => PlainAsync(database.AdministratorWithoutResets), () => PlainAsync(database.Administrator), IsolatedAsync];
            List<double>[] times = [.. ways.Select(_ => new List<double>())];
            foreach (var way in ways)
                await RoundAsync(way, null);
            for (var watch = Stopwatch.StartNew(); watch.Elapsed < time / 3;)
                foreach (var (way, into) in ways.Zip(times))
                    await RoundAsync(way, into);
            Time[] found = [.. times.Select(way => new Time(Percentile(way, 0.5), Percentile(way, 0.99)))];
            lines.Add(new(name, found[0], found[1], found[2]));

            async Task PlainAsync(NpgsqlDataSource pool)
            {
                await using var connection = await pool.OpenConnectionAsync(cancellationToken);
                await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = "seattle" }, new() { Value = product } } };
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                    reader.GetValue(0);
            }

            async Task IsolatedAsync() => await tenant.QueryAsync(
                context, new(sql) { Parameters = { new() { Value = "seattle" }, new() { Value = product } } }, row => row.GetValue(0), cancellationToken);
        }
        return lines;

        static async Task RoundAsync(Func<Task> call, List<double>? into)
        {
            for (var i = 0; i < 200; i++)
            {
                var started = Stopwatch.GetTimestamp();
                await call();
                into?.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
            }
        }
    }

    static double Percentile(List<double> values, double fraction)
    {
        values.Sort();
        return values[(int)(fraction * (values.Count - 1))];
    }
}
