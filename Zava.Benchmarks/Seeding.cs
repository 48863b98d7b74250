using System.Diagnostics;
using Npgsql;
using Zava.Database;
using Zava.Seeder;
using Zava.Seeder.SampleData;

namespace Zava.Benchmarks;

/// <summary>
/// Loading the sample data as the seeder does it, with keys, indexes, the audit log and statistics, against raw binary COPY of
/// the same rows, which lie ready in files, into tables that have nothing.
/// </summary>
static class Seeding
{
    static readonly string[] Tables = ["customers", "products", "sales_transactions", "sales_transaction_items"];

    /// <param name="Scale">Multiple of the design's 2,000 customers, 500 products and 5,000 receipts.</param>
    /// <param name="Rows">Rows of the four tables.</param>
    /// <param name="LoadSeconds">From the first statement to the last.</param>
    /// <param name="CopySeconds">The same rows, raw.</param>
    /// <param name="PeakMegabytes">Most memory that this process has had so far.</param>
    public sealed record Line(int Scale, long Rows, double LoadSeconds, double CopySeconds, double PeakMegabytes);

    public static async Task<Line> RunAsync(BenchmarkDatabase database, int scale, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        var rows = await new SampleDataLoader(database.ConnectionString(DatabaseRole.Seeder)).LoadAsync(
            new SeedOptions(scale, SeedOptions.DefaultSeed, new DateOnly(2026, 10, 31)), asOfWasGiven: true, new Silent(), cancellationToken);
        var load = watch.Elapsed;
        using var process = Process.GetCurrentProcess();
        var peak = process.PeakWorkingSet64 / 1e6;
        return new(scale, rows, load.TotalSeconds, (await CopyAsync(database.Administrator, cancellationToken)).TotalSeconds, peak);
    }

    static async Task<TimeSpan> CopyAsync(NpgsqlDataSource administrator, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("zava-bench-");
        try
        {
            await using var connection = await administrator.OpenConnectionAsync(cancellationToken);
            foreach (var table in Tables)
            {
                await using (var file = File.Create(Path.Combine(folder.FullName, table)))
                await using (var copy = await connection.BeginRawBinaryCopyAsync($"COPY (SELECT * FROM retail.{table}) TO STDOUT (FORMAT BINARY)", cancellationToken))
                    await copy.CopyToAsync(file, cancellationToken);
                await using var bare = new NpgsqlCommand($"CREATE TABLE public.bare_{table} AS SELECT * FROM retail.{table} LIMIT 0", connection);
                await bare.ExecuteNonQueryAsync(cancellationToken);
            }
            var watch = Stopwatch.StartNew();
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            foreach (var table in Tables)
            {
                await using var file = File.OpenRead(Path.Combine(folder.FullName, table));
                await using var copy = await connection.BeginRawBinaryCopyAsync($"COPY public.bare_{table} FROM STDIN (FORMAT BINARY)", cancellationToken);
                await file.CopyToAsync(copy, cancellationToken);
            }
            await transaction.CommitAsync(cancellationToken);
            return watch.Elapsed;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    sealed class Silent : IProgress<SampleDataLoader.Progress>
    {
        public void Report(SampleDataLoader.Progress value)
        {
        }
    }
}
