using System.Diagnostics;
using System.Text.Json;
using Npgsql;

namespace Zava.Benchmarks.Calls;

/// <summary>One round of load.</summary>
/// <param name="Port">Of the server, on the loopback.</param>
/// <param name="Path">That is posted to; <c>null</c>: <paramref name="Query"/> goes to PostgreSQL without any server between.</param>
/// <param name="Headers">Beside those that every request has.</param>
/// <param name="Body">Of each request.</param>
/// <param name="Expected">What every answer must contain.</param>
/// <param name="Clients">At once, each waiting for its answer.</param>
/// <param name="Seconds">For how long.</param>
/// <param name="Calls">Ends earlier, after so many calls; 0 for no such end.</param>
sealed record LoadJob(
    int Port, string? Path, IReadOnlyDictionary<string, string> Headers, string Body, string Expected, int Clients, double Seconds, long Calls = 0, string? ConnectionString = null, Query? Query = null);

/// <param name="Calls">That were answered as expected.</param>
/// <param name="Seconds">That it took.</param>
/// <param name="Median">Microseconds.</param>
/// <param name="P99">Microseconds.</param>
/// <param name="Failure">The first answer that was not as expected.</param>
sealed record LoadResult(long Calls, double Seconds, double Median, double P99, string? Failure)
{
    public double PerSecond => Calls / Seconds;
}

/// <summary>Makes load in a process of its own: reads a job a line from standard input and writes a result a line.</summary>
static class LoadGenerator
{
    /// <summary>The hidden command of this program that runs it.</summary>
    public const string Command = "load";

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await Console.In.ReadLineAsync(cancellationToken) is { } line)
        {
            var job = JsonSerializer.Deserialize<LoadJob>(line)!;
            Console.WriteLine(JsonSerializer.Serialize(await RunAsync(job, cancellationToken)));
        }
    }

    static async Task<LoadResult> RunAsync(LoadJob job, CancellationToken cancellationToken)
    {
        await using var database = job.ConnectionString is null ? null : NpgsqlDataSource.Create(job.ConnectionString);
        var (left, failure) = (job.Calls == 0 ? long.MaxValue : job.Calls, default(string));
        var watch = Stopwatch.StartNew();
        // A thread for each client that blocks; Npgsql's loop does not.
        var times = await Task.WhenAll(Enumerable.Range(0, job.Clients).Select(_ => Task.Factory.StartNew(ClientAsync, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
        var (took, all) = (watch.Elapsed.TotalSeconds, times.SelectMany(client => client).Order().ToArray());
        return new(all.Length, took, Percentile(all, 0.5), Percentile(all, 0.99), failure);

        async Task<List<double>> ClientAsync()
        {
            var own = new List<double>();
            using var client = database is null ? new LoadClient(job) : null;
            try
            {
                if (client is not null)
                    client.Connect(job.Port);
                while (watch.Elapsed.TotalSeconds < job.Seconds && Interlocked.Decrement(ref left) >= 0 && failure is null)
                {
                    var started = Stopwatch.GetTimestamp();
                    var wrong = client is not null ? client.Call() : await QueryAsync(database!, job.Query!, cancellationToken);
                    if (wrong is null)
                        own.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
                    else
                        failure = wrong;
                }
            }
            catch (Exception failed) when (failed is IOException or System.Net.Sockets.SocketException or NpgsqlException)
            {
                failure = failed.Message;
            }
            return own;
        }
    }

    static async Task<string?> QueryAsync(NpgsqlDataSource database, Query query, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = query.On(connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = 0;
        while (await reader.ReadAsync(cancellationToken))
        {
            for (var column = 0; column < reader.FieldCount; column++)
                reader.GetValue(column);
            rows++;
        }
        return rows > 0 ? null : "No row.";
    }

    static double Percentile(double[] sorted, double fraction) => sorted.Length == 0 ? 0 : sorted[(int)(fraction * (sorted.Length - 1))];
}
