namespace Zava.Benchmarks.Calls;

/// <summary>Whether the server's memory grows with the number of calls that it has answered.</summary>
static class CallsMemory
{
    /// <param name="Calls">Answered so far.</param>
    /// <param name="Megabytes">Resident then.</param>
    public sealed record Sample(long Calls, double Megabytes);

    /// <param name="Samples">After each tenth.</param>
    public sealed record Report(IReadOnlyList<Sample> Samples)
    {
        /// <summary>From the first tenth to the end.</summary>
        public double Growth => Samples[^1].Megabytes / Samples[0].Megabytes - 1;

        public bool Holds => Growth < 0.10;
    }

    /// <summary>8 clients; of ten calls, one is free SQL, one a search, and the others the typed tool.</summary>
    public static async Task<Report> RunAsync(BenchmarkDatabase database, long total, Action<double> progress, CancellationToken cancellationToken)
    {
        var queries = await CallsBenchmark.QueriesAsync(database, cancellationToken);
        var folder = Directory.CreateTempSubdirectory("zava-bench-");
        using var contenders = new Contenders(database, folder.FullName, queries);
        using var load = new CallsBenchmark.Load();
        var zava = await contenders.StartZavaAsync(cancellationToken);
        var samples = new List<Sample>();
        for (var (tenth, done) = (1, 0L); tenth <= 10; tenth++)
        {
            foreach (var (query, share) in queries.Zip((double[])[0.8, 0.1, 0.1]))
                done += (await load.RunAsync(zava.JobOf(query) with { Clients = 8, Seconds = 3600, Calls = (long)(total / 10 * share) }, cancellationToken)).Calls;
            samples.Add(new(done, zava.Process!.ResidentMegabytes));
            progress(tenth / 10.0);
        }
        folder.Delete(recursive: true);
        return new(samples);
    }
}
