using System.Diagnostics;
using Npgsql;
using Zava.Database;

namespace Zava.Benchmarks;

/// <summary>
/// What isolation costs: the same query once as a superuser, whom no policy binds, and once as every tool runs it: in a
/// read-only transaction under a sealed context, through row-level security.
/// </summary>
static class Isolation
{
    /// <param name="Query">What is asked for.</param>
    /// <param name="Plain">Median microseconds a call without isolation.</param>
    /// <param name="Isolated">Median microseconds a call with isolation.</param>
    /// <param name="PlainP99">99th percentile without.</param>
    /// <param name="IsolatedP99">99th percentile with.</param>
    public sealed record Line(string Query, double Plain, double Isolated, double PlainP99, double IsolatedP99)
    {
        public double Overhead => Isolated / Plain - 1;
    }

    const string Lookup = "SELECT product_id, sku, product_name, price FROM retail.products WHERE store_id = $1 AND product_id = $2";

    const string Page = """
        SELECT product_id, sku, product_name, product_description, price, current_stock FROM retail.products
         WHERE store_id = $1 AND category_id = (SELECT category_id FROM retail.products WHERE store_id = $1 AND product_id = $2) ORDER BY sku LIMIT 10
        """;

    const string Report = "SELECT date_trunc('month', transaction_date), count(*), sum(total_amount) FROM retail.sales_transactions WHERE store_id = $1 AND $2::uuid IS NOT NULL GROUP BY 1";

    /// <summary>Rounds alternate between the two, so that what else the machine does falls on both.</summary>
    public static async Task<List<Line>> RunAsync(
        NpgsqlDataSource application, NpgsqlDataSource administrator, ContextKey key, TimeSpan time, CancellationToken cancellationToken)
    {
        var tenant = new TenantDatabase(application, new(key, TimeProvider.System));
        var context = new TenantContext(StoreSet.Of("seattle"), "bench@zava.example", "bench");
        Guid product;
        await using (var any = administrator.CreateCommand("SELECT product_id FROM retail.products WHERE store_id = 'seattle' ORDER BY sku LIMIT 1"))
            product = (Guid)(await any.ExecuteScalarAsync(cancellationToken))!;

        var lines = new List<Line>();
        foreach (var (name, sql) in ((string, string)[])[("one product by key", Lookup), ("ten products of a category", Page), ("a year of sales by month", Report)])
        {
            var (plain, isolated) = (new List<double>(), new List<double>());
            await RoundAsync(PlainAsync, null);
            await RoundAsync(IsolatedAsync, null);
            for (var watch = Stopwatch.StartNew(); watch.Elapsed < time / 3;)
            {
                await RoundAsync(PlainAsync, plain);
                await RoundAsync(IsolatedAsync, isolated);
            }
            lines.Add(new(name, Percentile(plain, 0.5), Percentile(isolated, 0.5), Percentile(plain, 0.99), Percentile(isolated, 0.99)));

            async Task PlainAsync()
            {
                await using var connection = await administrator.OpenConnectionAsync(cancellationToken);
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
