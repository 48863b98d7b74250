using System.Text.Json;
using Zava.Embeddings;

namespace Zava.Benchmarks.Calls;

/// <summary>The same queries, on the same PostgreSQL, through Zava's server, through those of others, and with nothing between.</summary>
static class CallsBenchmark
{
    const int Rounds = 3;

    /// <param name="Query">What was asked.</param>
    /// <param name="Contender">Who was asked.</param>
    /// <param name="Clients">How many asked at once.</param>
    /// <param name="Ratio">Calls a second, of Zava's in the same round; the median of the rounds, like the others.</param>
    /// <param name="PerSecond">Calls.</param>
    /// <param name="Median">Microseconds a call.</param>
    /// <param name="P99">Microseconds.</param>
    /// <param name="CpuMicroseconds">Processor time of the server, a call.</param>
    /// <param name="DatabaseMicroseconds">Processor time of PostgreSQL, a call.</param>
    public sealed record Line(string Query, string Contender, int Clients, double Ratio, double PerSecond, double Median, double P99, double CpuMicroseconds, double DatabaseMicroseconds);

    /// <param name="Contender">Who.</param>
    /// <param name="StartSeconds">From the start of the process to the first answer.</param>
    /// <param name="Megabytes">Resident at the end.</param>
    public sealed record Footprint(string Contender, double? StartSeconds, double Megabytes);

    public sealed record Report(IReadOnlyList<Line> Lines, IReadOnlyList<Footprint> Footprints, IReadOnlyList<string> LeftOut);

    /// <param name="database">With the sample data.</param>
    /// <param name="time">For how long to measure, together.</param>
    /// <param name="clients">How many call at once.</param>
    /// <param name="against">Other builds or settings of Zava's own server, which are then measured instead of the peers.</param>
    /// <param name="progress">Is told what share is done.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Report> RunAsync(BenchmarkDatabase database, TimeSpan time, int[] clients, string[] against, Action<double> progress, CancellationToken cancellationToken)
    {
        var queries = await QueriesAsync(database, cancellationToken);
        var folder = Directory.CreateTempSubdirectory("zava-bench-");
        using var contenders = new Contenders(database, folder.FullName, queries);
        using var load = new Load();
        var (all, leftOut) = (new List<Contender> { await contenders.StartZavaAsync(cancellationToken, sharers: 1 + against.Length) }, new List<string>());
        foreach (var other in against)
            all.Add(await contenders.StartOtherZavaAsync(other, 1 + against.Length, cancellationToken));
        if (against.Length == 0)
        {
            await AddAsync("MCP Toolbox", contenders.StartToolboxAsync);
            await AddAsync("DBHub", contenders.StartDbHubAsync);
            all.Add(await contenders.StartBareAsync(cancellationToken));
        }
        all.Add(contenders.Raw());

        // So many calls that what is compiled again because it is called often has been.
        foreach (var contender in all)
            foreach (var query in queries)
                await load.RunAsync(contender.JobOf(query) with { Clients = 8, Seconds = 8, Calls = 4_000 }, cancellationToken);
        var (lines, done, cells) = (new List<Line>(), 0, queries.Count * clients.Length);
        foreach (var query in queries)
            foreach (var count in clients)
            {
                lines.AddRange(await CellAsync(load, all, query, count, time / (cells * all.Count * Rounds), database.ProcessId, cancellationToken));
                progress((double)++done / cells);
            }
        var footprints = all.Where(one => one.Process is not null).Select(one => new Footprint(one.Name, one.StartSeconds, one.Process!.ResidentMegabytes)).ToList();
        folder.Delete(recursive: true);
        return new(lines, footprints, leftOut);

        async Task AddAsync(string name, Func<string, CancellationToken, Task<Contender>> start)
        {
            try
            {
                all.Add(await start(await PeerPackages.InstallAsync(cancellationToken), cancellationToken));
            }
            catch (Exception missing) when (missing is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                leftOut.Add($"{name} is left out: {missing.Message}");
            }
        }
    }

    // In rounds of all, so that what else the machine does falls on all.
    static async Task<IEnumerable<Line>> CellAsync(
        Load load, List<Contender> all, Query query, int clients, TimeSpan round, int database, CancellationToken cancellationToken)
    {
        var samples = all.ToDictionary(contender => contender, _ => new List<(LoadResult Result, double Cpu, double Database)>());
        for (var i = 0; i < Rounds; i++)
            foreach (var contender in all)
            {
                var (cpu, db) = (Cpu(contender), MeasuredProcess.CpuSecondsOfFamily(database));
                var result = await load.RunAsync(contender.JobOf(query) with { Clients = clients, Seconds = round.TotalSeconds }, cancellationToken);
                samples[contender].Add((result, (Cpu(contender) - cpu) / result.Calls * 1e6, (MeasuredProcess.CpuSecondsOfFamily(database) - db) / result.Calls * 1e6));
            }
        var own = samples[all[0]];
        return samples.Select(pair => new Line(
            query.Name, pair.Key.Name, clients,
            Median(pair.Value.Select((sample, i) => sample.Result.PerSecond / own[i].Result.PerSecond)), Median(pair.Value.Select(sample => sample.Result.PerSecond)),
            Median(pair.Value.Select(sample => sample.Result.Median)), Median(pair.Value.Select(sample => sample.Result.P99)),
            Median(pair.Value.Select(sample => sample.Cpu)), Median(pair.Value.Select(sample => sample.Database))));

        double Cpu(Contender contender) => (contender.Process ?? load.Process).CpuSeconds;
    }

    internal static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;

    internal static async Task<List<Query>> QueriesAsync(BenchmarkDatabase database, CancellationToken cancellationToken)
    {
        const string Asked = "something to keep my coffee hot on the train";
        await Embedding.EmbedCatalogueAsync(database, cancellationToken);
        using var encoder = new UniversalSentenceEncoder();
        var vector = (await encoder.GenerateAsync([Asked], cancellationToken: cancellationToken))[0].Vector;
        // The category that fills a page best.
        await using var command = database.Administrator.CreateCommand("""
            SELECT category_id, min(sku) FROM retail.products WHERE store_id = 'seattle' GROUP BY category_id ORDER BY count(*) DESC, category_id LIMIT 1
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (category, sku) = (reader.GetInt32(0), reader.GetString(1));
        return [Query.Product(sku), Query.Page(sku, category), Query.Search(Asked, JsonSerializer.Serialize(vector.ToArray()), UniversalSentenceEncoder.ModelId)];
    }

    /// <summary>The load generator, in its process.</summary>
    internal sealed class Load : IDisposable
    {
        public MeasuredProcess Process { get; } = MeasuredProcess.OfThis(LoadGenerator.Command);

        public async Task<LoadResult> RunAsync(LoadJob job, CancellationToken cancellationToken)
        {
            await Process.Input.WriteLineAsync(JsonSerializer.Serialize(job).AsMemory(), cancellationToken);
            await Process.Input.FlushAsync(cancellationToken);
            var line = await Process.Output.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException($"The load generator ended: {Process.Said}");
            var result = JsonSerializer.Deserialize<LoadResult>(line)!;
            return result.Failure is null ? result : throw new InvalidOperationException($"{job.Path ?? "PostgreSQL"} (port {job.Port}) answered: {result.Failure}");
        }

        public void Dispose() => Process.Dispose();
    }
}
