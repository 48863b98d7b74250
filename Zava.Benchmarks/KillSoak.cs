using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Zava.Database;

namespace Zava.Benchmarks;

/// <summary>
/// Two worker processes that are killed at random moments, and a PostgreSQL that crashes, while products are added, edited and
/// removed: afterwards every product must have exactly one embedding, that of its text.
/// </summary>
public static class KillSoak
{
    /// <param name="Kills">Workers killed by SIGKILL.</param>
    /// <param name="Restarts">Times that PostgreSQL crashed and was started again.</param>
    /// <param name="Edits">Statements that changed, added or removed products, while it ran.</param>
    /// <param name="Products">Products at the end.</param>
    /// <param name="Requests">Requests that the provider answered.</param>
    /// <param name="Faults">Products at the end without exactly one embedding of their text, with a wrong vector, dead letters, and embeddings or queue rows without need.</param>
    public sealed record Report(int Kills, int Restarts, long Edits, long Products, int Requests, long Faults);

    const string Model = "soak-embedding";

    const int Dimensions = 16;

    // In the queue still or as a dead letter, without exactly one embedding of their text, or gone with their embedding left.
    const string WrongProducts = """
        SELECT (SELECT count(*) FROM retail.embedding_queue)
             + (SELECT count(*) FROM retail.products p
                 WHERE (SELECT count(*) FROM retail.product_embeddings e
                         WHERE e.store_id = p.store_id AND e.product_id = p.product_id
                           AND e.embedding_text = retail.product_embedding_text(p.product_name, p.product_description, p.tags)) <> 1)
             + abs((SELECT count(*) FROM retail.product_embeddings) - (SELECT count(*) FROM retail.products))
        """;

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <param name="folder">Where the PostgreSQL of the soak is kept.</param>
    /// <param name="kills">How many workers to kill.</param>
    /// <param name="restarts">How often PostgreSQL is to crash.</param>
    /// <param name="products">How many products to begin with.</param>
    /// <param name="report">Is told of each kill and restart.</param>
    /// <param name="cancellationToken">Stops early.</param>
    public static async Task<Report> RunAsync(string folder, int kills, int restarts, int products, Action<int>? report, CancellationToken cancellationToken)
    {
        var random = new Random(42);
        await using var service = await EmbeddingService.StartAsync(Dimensions, TimeSpan.FromMilliseconds(100), cancellationToken);
        await using var database = await BenchmarkDatabase.StartAsync(folder, sampleData: null, cancellationToken, "soak");
        await ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) SELECT (ARRAY['seattle','redmond','online'])[n % 3 + 1], 'S' || n, 'Product number ' || n, 1 FROM generate_series(1, $1) n", products);

        var workers = new List<Process> { StartWorker(database, service), StartWorker(database, service) };
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var (edits, killed, restarted) = (0L, 0, 0);
        try
        {
            // A kill before anything is at work shows nothing.
            while (await ScalarAsync("SELECT count(*) FROM retail.product_embeddings") == 0)
                await Task.Delay(100, cancellationToken);
            var editing = EditAsync();
            for (var step = 0; step < kills + restarts; step++)
            {
                await Task.Delay(random.Next(300, 4_000), cancellationToken);
                ReviveWorkers();
                // Restarts lie evenly between the kills.
                if ((step + 1) * restarts / (kills + restarts) > restarted)
                {
                    await database.CrashAsync(cancellationToken);
                    restarted++;
                }
                else
                {
                    var victim = random.Next(workers.Count);
                    await EndAsync(workers[victim]);
                    workers[victim] = StartWorker(database, service);
                    killed++;
                }
                report?.Invoke(killed + restarted);
            }
            await over.CancelAsync();
            await editing;
            await WaitUntilIdleAsync();
        }
        finally
        {
            foreach (var worker in workers)
                await EndAsync(worker);
        }
        return new(killed, restarted, edits, await ScalarAsync("SELECT count(*) FROM retail.products"), service.Requests.Count, await FaultsAsync());

        // One that ended by itself is started again, as whoever runs it would.
        void ReviveWorkers()
        {
            for (var index = 0; index < workers.Count; index++)
                if (workers[index].HasExited)
                {
                    workers[index].Dispose();
                    workers[index] = StartWorker(database, service);
                }
        }

        async Task EditAsync()
        {
            var dice = new Random(7);
            while (!over.IsCancellationRequested)
            {
                try
                {
                    // Some edits are undone, and some products are edited twice in a row.
                    var number = dice.Next(products);
                    await ExecuteAsync(dice.Next(10) switch
                    {
                        0 => "INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'N' || $1 || gen_random_uuid(), 'New product ' || $1, 1)",
                        1 => "DELETE FROM retail.products WHERE sku LIKE 'N' || $1 / 10 || '%'",
                        2 => "UPDATE retail.products SET is_active = NOT is_active WHERE sku = 'S' || $1",
                        3 => "UPDATE retail.products SET product_name = 'Product number ' || substr(sku, 2) WHERE sku LIKE 'S' || $1 / 10 || '%'",
                        _ => "UPDATE retail.products SET product_name = product_name || ' ' || substr(md5(random()::text), 1, 4) WHERE sku IN ('S' || $1, 'S' || $1 + 1)",
                    }, number);
                    edits++;
                    await Task.Delay(dice.Next(30), cancellationToken);
                }
                // PostgreSQL is away, and the edit with it.
                catch (NpgsqlException)
                {
                    await Task.Delay(100, cancellationToken);
                }
            }
        }

        async Task WaitUntilIdleAsync()
        {
            var waited = Stopwatch.StartNew();
            while (await ScalarAsync(WrongProducts) > 0)
            {
                if (waited.Elapsed > Patience)
                    return; // What is left is counted as faults.
                ReviveWorkers();
                await Task.Delay(100, cancellationToken);
            }
        }

        async Task<long> FaultsAsync()
        {
            var faults = await ScalarAsync(WrongProducts);
            await using var command = database.Administrator.CreateCommand("SELECT embedding_text, embedding::public.vector::real[] FROM retail.product_embeddings");
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
                if (!EmbeddingService.VectorOf(reader.GetString(0), Dimensions).Select(number => (float)(Half)number).SequenceEqual(reader.GetFieldValue<float[]>(1)))
                    faults++;
            return faults;
        }

        async Task ExecuteAsync(string sql, int parameter)
        {
            await using var command = database.Administrator.CreateCommand(sql);
            command.Parameters.Add(new() { Value = parameter });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        async Task<long> ScalarAsync(string sql)
        {
            while (true)
                try
                {
                    await using var command = database.Administrator.CreateCommand(sql);
                    return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
                }
                // A connection of the pool from before the last crash.
                catch (NpgsqlException broken) when (broken.IsTransient)
                {
                    await Task.Delay(100, cancellationToken);
                }
        }
    }

    static Process StartWorker(BenchmarkDatabase database, EmbeddingService service)
    {
        var worker = Process.Start(StartOf(database, service))!;
        worker.BeginOutputReadLine();
        worker.BeginErrorReadLine();
        return worker;
    }

    static ProcessStartInfo StartOf(BenchmarkDatabase database, EmbeddingService service) => new("dotnet", [Path.Combine(AppContext.BaseDirectory, "Zava.EmbeddingWorker.dll")])
    {
        // What is looked at is the database at the end.
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        Environment =
        {
            [$"ConnectionStrings__{Extensions.DatabaseName}"] = database.ConnectionString(DatabaseRole.Worker),
            ["Embeddings__Provider"] = "openai",
            ["Embeddings__OpenAI__ApiKey"] = "none",
            ["Embeddings__OpenAI__Endpoint"] = service.Endpoint,
            ["Embeddings__OpenAI__Model"] = Model,
            ["Embeddings__OpenAI__Dimensions"] = Dimensions.ToString(CultureInfo.InvariantCulture),
            ["EmbeddingWorker__Lease"] = "00:00:03",
            ["EmbeddingWorker__BatchSize"] = "32",
        },
    };

    static async Task EndAsync(Process worker)
    {
        if (!worker.HasExited)
            worker.Kill(); // SIGKILL
        await worker.WaitForExitAsync();
        worker.Dispose();
    }
}
