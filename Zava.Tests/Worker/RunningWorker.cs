using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Trace;
using Zava.Benchmarks;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.ServiceDefaults;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Worker;

/// <summary>The real worker, whose provider is a service that speaks the OpenAI protocol.</summary>
public sealed class RunningWorker : IAsyncDisposable
{
    public const string Model = "test-embedding";

    public const int Dimensions = 8;

    readonly IHost _host;
    readonly MeterListener _listener = new();

    RunningWorker(IHost host, RecordedLog log) => (_host, Log) = (host, log);

    public RecordedLog Log { get; }

    /// <summary>Sums of the worker's counters, by name, and of its histogram the number of entries.</summary>
    public ConcurrentDictionary<string, long> Counted { get; } = new();

    /// <summary>Spans as an exporter gets them.</summary>
    public ConcurrentQueue<Activity> Spans { get; } = new();

    public IServiceProvider Services => _host.Services;

    public static async Task<RunningWorker> StartAsync(TestDatabase database, EmbeddingService service, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:retail_db"] = database.ConnectionString(DatabaseRole.Worker),
            ["Embeddings:Provider"] = "openai",
            ["Embeddings:OpenAI:ApiKey"] = "secret-key",
            ["Embeddings:OpenAI:Endpoint"] = service.Endpoint,
            ["Embeddings:OpenAI:Model"] = Model,
            ["Embeddings:OpenAI:Dimensions"] = $"{Dimensions}",
            ["EmbeddingWorker:RetryDelay"] = "00:00:00.02",
            ["EmbeddingWorker:Pause"] = "00:00:01",
        });
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value));
        builder.AddServiceDefaults();
        var log = new RecordedLog();
        builder.Logging.AddProvider(log);
        builder.AddEmbeddingWorker();
        var worker = new RunningWorker(builder.Build(), log);
        var meters = worker._host.Services.GetRequiredService<IMeterFactory>();
        worker._listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters)
                listener.EnableMeasurementEvents(instrument);
        };
        worker._listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => worker.Counted.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value));
        worker._listener.SetMeasurementEventCallback<double>((instrument, _, _, _) => worker.Counted.AddOrUpdate(instrument.Name, 1, (_, sum) => sum + 1));
        worker._listener.Start();
        worker.Services.GetRequiredService<TracerProvider>().AddProcessor(new SimpleActivityExportProcessor(new Exporter(worker.Spans)));
        await worker._host.StartAsync(TestContext.Current.CancellationToken);
        return worker;
    }

    public long Count(string instrument) => Counted.GetValueOrDefault($"zava.embedding.{instrument}");

    /// <summary>What the health check says, without the other checks.</summary>
    public async Task<string> HealthAsync()
    {
        var report = await _host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Name == "embedding", TestContext.Current.CancellationToken);
        return $"{report.Status}: {report.Entries["embedding"].Description}";
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        _listener.Dispose();
        _host.Dispose();
    }

    sealed class Exporter(ConcurrentQueue<Activity> spans) : BaseExporter<Activity>
    {
        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var span in batch)
                spans.Enqueue(span);
            return ExportResult.Success;
        }
    }
}
