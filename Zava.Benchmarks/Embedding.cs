using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Zava.Database;
using Zava.Embeddings;
using Zava.EmbeddingWorker;

namespace Zava.Benchmarks;

/// <summary>How fast products are embedded: what the pipeline adds to the generator, what further workers bring, and where its own limit is.</summary>
static class Embedding
{
    /// <param name="What">What was measured.</param>
    /// <param name="PerSecond">Products a second.</param>
    /// <param name="OfIdeal">Of what it would be without any loss: the bare generator, a batch in each latency, or n times one worker.</param>
    public sealed record Line(string What, double PerSecond, double? OfIdeal);

    const int Batch = 64;

    const int Dimensions = 512;

    static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(200);

    public static async Task<List<Line>> RunAsync(BenchmarkDatabase database, CancellationToken cancellationToken)
    {
        var lines = new List<Line>();
        // Of a run that was stopped.
        await ExecuteAsync(database, "DELETE FROM retail.products WHERE sku LIKE 'BENCH-%'", cancellationToken);
        var (bare, pipeline) = await LocalAsync(database, cancellationToken);
        lines.Add(new("bare generator, local model", bare, null));
        lines.Add(new("one worker, local model", pipeline, pipeline / bare));

        await using var service = await EmbeddingService.StartAsync(Dimensions, Latency, cancellationToken);
        var one = 0.0;
        foreach (var workers in (int[])[1, 2, 4])
        {
            var speed = await RemoteAsync(database, $"bench-latency-{workers}", service, generator: null, workers, products: 60 * Batch, cancellationToken);
            one = workers == 1 ? speed : one;
            lines.Add(new($"{workers} workers, provider with {Latency.TotalMilliseconds:0} ms", speed, speed / (workers == 1 ? Batch / Latency.TotalSeconds : workers * one)));
        }
        lines.Add(new("one worker, provider that costs nothing", await RemoteAsync(database, "bench-free", service, new FreeGenerator(), 1, products: 20_000, cancellationToken), null));
        return lines;
    }

    /// <summary>The sample catalogue with the local model: turns about, so that what else the machine does falls on both.</summary>
    static async Task<(double Bare, double Pipeline)> LocalAsync(BenchmarkDatabase database, CancellationToken cancellationToken)
    {
        using var encoder = new UniversalSentenceEncoder();
        await ActivateAsync(database, UniversalSentenceEncoder.ModelId, cancellationToken);
        using var worker = Worker(database, new(), encoder);
        await worker.StartAsync(cancellationToken);
        await CurrentAsync(database, UniversalSentenceEncoder.ModelId, cancellationToken);
        var texts = new List<string>();
        await using (var read = database.Administrator.CreateCommand("SELECT retail.product_embedding_text(product_name, product_description, tags) FROM retail.products ORDER BY store_id, product_id"))
        await using (var reader = await read.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken))
                texts.Add(reader.GetString(0));

        var (bare, pipeline) = (TimeSpan.Zero, TimeSpan.Zero);
        const int Rounds = 5;
        for (var round = 0; round < Rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            foreach (var batch in texts.Chunk(Batch))
                await encoder.GenerateAsync(batch, cancellationToken: cancellationToken);
            bare += Stopwatch.GetElapsedTime(started);

            await ExecuteAsync(database, "DELETE FROM retail.product_embeddings; DELETE FROM retail.replaced_embeddings", cancellationToken);
            // Vectors that were deleted stay in the index until then, and are walked over.
            await ExecuteAsync(database, "VACUUM retail.product_embeddings", cancellationToken);
            using var stored = new Stored(texts.Count);
            started = Stopwatch.GetTimestamp();
            await ExecuteAsync(database, $"INSERT INTO retail.embedding_queue (store_id, product_id, embedding_model) SELECT store_id, product_id, '{UniversalSentenceEncoder.ModelId}' FROM retail.products; NOTIFY {EmbeddingQueue.Channel}", cancellationToken);
            await stored.All.WaitAsync(cancellationToken);
            pipeline += Stopwatch.GetElapsedTime(started);
            await DrainedAsync(database, cancellationToken);
        }
        await worker.StopAsync(cancellationToken);
        return (Rounds * texts.Count / bare.TotalSeconds, Rounds * texts.Count / pipeline.TotalSeconds);
    }

    /// <summary>Embeds what is not embedded yet with the local model, and makes that the active one.</summary>
    public static async Task EmbedCatalogueAsync(BenchmarkDatabase database, CancellationToken cancellationToken)
    {
        using var encoder = new UniversalSentenceEncoder();
        await ActivateAsync(database, UniversalSentenceEncoder.ModelId, cancellationToken);
        using var worker = Worker(database, new(), encoder);
        await worker.StartAsync(cancellationToken);
        await CurrentAsync(database, UniversalSentenceEncoder.ModelId, cancellationToken);
        await worker.StopAsync(cancellationToken);
    }

    static async Task<double> RemoteAsync(
        BenchmarkDatabase database, string model, EmbeddingService service, IEmbeddingGenerator<string, Embedding<float>>? generator, int workers, int products, CancellationToken cancellationToken)
    {
        await ExecuteAsync(database, "DELETE FROM retail.products WHERE sku LIKE 'BENCH-%'", cancellationToken);
        await ActivateAsync(database, model, cancellationToken);
        var hosts = Enumerable.Range(0, workers).Select(_ => Worker(database, new()
        {
            ["Embeddings:Provider"] = "openai",
            ["Embeddings:OpenAI:ApiKey"] = "none",
            ["Embeddings:OpenAI:Endpoint"] = service.Endpoint,
            ["Embeddings:OpenAI:Model"] = model,
            ["Embeddings:OpenAI:Dimensions"] = $"{Dimensions}",
        }, generator)).ToList();
        foreach (var host in hosts)
            await host.StartAsync(cancellationToken);
        // The sample catalogue is embedded first; then all of them listen.
        await CurrentAsync(database, model, cancellationToken);
        await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);

        using var stored = new Stored(products);
        await ExecuteAsync(database, $"INSERT INTO retail.products (store_id, sku, product_name, price) SELECT 'seattle', 'BENCH-' || n, 'Product number ' || n || ' of the benchmark', 1 FROM generate_series(1, {products}) n", cancellationToken);
        var started = Stopwatch.GetTimestamp();
        await stored.All.WaitAsync(cancellationToken);
        var took = Stopwatch.GetElapsedTime(started);
        await DrainedAsync(database, cancellationToken);
        foreach (var host in hosts)
        {
            await host.StopAsync(cancellationToken);
            host.Dispose();
        }
        return products / took.TotalSeconds;
    }

    static IHost Worker(BenchmarkDatabase database, Dictionary<string, string?> settings, IEmbeddingGenerator<string, Embedding<float>>? generator)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        settings["ConnectionStrings:retail_db"] = database.ConnectionString(DatabaseRole.Worker);
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddMetrics();
        builder.AddEmbeddingWorker();
        if (generator is not null)
            builder.Services.AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(_ => new Shared(generator));
        return builder.Build();
    }

    static Task ActivateAsync(BenchmarkDatabase database, string model, CancellationToken cancellationToken) => ExecuteAsync(database, $"""
        DELETE FROM retail.product_embeddings WHERE embedding_model LIKE 'bench-%';
        INSERT INTO retail.embedding_models (embedding_model, dimensions) VALUES ('{model}', {Dimensions}) ON CONFLICT DO NOTHING;
        UPDATE retail.embedding_models SET state = 'inactive' WHERE embedding_model <> '{model}';
        UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = '{model}';
        DELETE FROM retail.embedding_queue;
        """, cancellationToken);

    static Task CurrentAsync(BenchmarkDatabase database, string model, CancellationToken cancellationToken) => UntilNoneAsync(
        database, $"SELECT EXISTS (SELECT FROM retail.products p WHERE NOT EXISTS (SELECT FROM retail.product_embeddings e WHERE e.store_id = p.store_id AND e.product_id = p.product_id AND e.embedding_model = '{model}'))", cancellationToken);

    static Task DrainedAsync(BenchmarkDatabase database, CancellationToken cancellationToken) =>
        UntilNoneAsync(database, "SELECT EXISTS (SELECT FROM retail.embedding_queue)", cancellationToken);

    static async Task UntilNoneAsync(BenchmarkDatabase database, string exists, CancellationToken cancellationToken)
    {
        while (true)
        {
            await using var command = database.Administrator.CreateCommand(exists);
            if (!(bool)(await command.ExecuteScalarAsync(cancellationToken))!)
                return;
            await Task.Delay(20, cancellationToken);
        }
    }

    static async Task ExecuteAsync(BenchmarkDatabase database, string sql, CancellationToken cancellationToken)
    {
        await using var command = database.Administrator.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Counts what the workers of this process store, by their own instruments: asking PostgreSQL again and again would take the
    /// processor from them.
    /// </summary>
    sealed class Stored : IDisposable
    {
        readonly MeterListener _listener = new();
        readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        long _left;

        public Stored(int products)
        {
            _left = products;
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name is "zava.embedding.embedded" or "zava.embedding.reused")
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((_, count, _, _) =>
            {
                if (Interlocked.Add(ref _left, -count) <= 0)
                    _all.TrySetResult();
            });
            _listener.Start();
        }

        public Task All => _all.Task;

        public void Dispose() => _listener.Dispose();
    }

    /// <summary>A generator that outlives the host that uses it.</summary>
    sealed class Shared(IEmbeddingGenerator<string, Embedding<float>> inner) : DelegatingEmbeddingGenerator<string, Embedding<float>>(inner)
    {
        protected override void Dispose(bool disposing)
        {
        }
    }

    /// <summary>The same vector at once for any text: what remains is the pipeline's own cost.</summary>
    sealed class FreeGenerator : IEmbeddingGenerator<string, Embedding<float>>
    {
        static readonly Embedding<float> Answer = new(EmbeddingService.VectorOf("", Dimensions));

        public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
            Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(values.Select(_ => Answer)));

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
