using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.AspNetCore.Builder;
using OpenTelemetry;
using OpenTelemetry.Logs;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Telemetry;

/// <summary>
/// All that a server hands to its exporters: spans with events, measurements with tags, log records with attributes and scopes.
/// Spans and measurements of servers that run beside it are among them.
/// </summary>
sealed class RecordedTelemetry : IDisposable
{
    readonly MeterListener _listener = new();

    public RecordedTelemetry()
    {
        Traces = new SimpleActivityExportProcessor(new Exporter(Spans));
        _listener.InstrumentPublished = (instrument, listener) => listener.EnableMeasurementEvents(instrument);
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Measure(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Measure(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Measure(instrument, value, tags));
        _listener.Start();
    }

    public ConcurrentQueue<Activity> Spans { get; } = new();

    /// <summary>Instrument and tags, such as <c>zava.tool.calls zava.tool=get_product zava.outcome=ok</c>.</summary>
    public ConcurrentQueue<string> Measurements { get; } = new();

    public ConcurrentQueue<string> Logs { get; } = new();

    /// <summary>To be added last, where an exporter is.</summary>
    public BaseProcessor<Activity> Traces { get; }

    public void Configure(WebApplicationBuilder builder) => builder.Services.ConfigureOpenTelemetryLoggerProvider(logging => logging.AddProcessor(new LogProcessor(Logs)));

    /// <summary>Runs something as a trace of its own, and waits until the server's span for its last request has ended.</summary>
    public async Task<IReadOnlyList<Activity>> TraceAsync(Func<Task> run)
    {
        using var root = new Activity("test").SetIdFormat(ActivityIdFormat.W3C).Start();
        root.ActivityTraceFlags = ActivityTraceFlags.Recorded;
        var trace = root.TraceId;
        await run();
        root.Stop();
        await Eventually.EqualAsync(true, () => Task.FromResult(Of(trace).Any(span => span.Source.Name == "Microsoft.AspNetCore")));
        return Of(trace);
    }

    public List<Activity> Of(ActivityTraceId trace) => [.. Spans.Where(span => span.TraceId == trace)];

    /// <summary>Everything, as text, but what tests that run beside it do to other databases.</summary>
    public string Told(string database)
    {
        _listener.RecordObservableInstruments();
        return string.Join('\n', [.. Spans.Where(span => span.Source.Name != "Npgsql" || Equals(span.GetTagItem("db.namespace"), database)).Select(Describe), .. Measurements, .. Logs]);
    }

    public static string Describe(Activity span)
    {
        var text = new StringBuilder($"{span.Source.Name} {span.DisplayName} {span.StatusDescription} {span.TraceStateString}");
        foreach (var (key, value) in span.TagObjects)
            text.Append($" {key}={value}");
        foreach (var (key, value) in span.Baggage)
            text.Append($" {key}={value}");
        foreach (var happened in span.Events)
            foreach (var (key, value) in happened.Tags)
                text.Append($" {happened.Name}.{key}={value}");
        return text.ToString();
    }

    void Measure<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = new StringBuilder(instrument.Name);
        foreach (var (key, tag) in tags)
            text.Append($" {key}={tag}");
        Measurements.Enqueue(text.ToString());
    }

    public void Dispose() => _listener.Dispose();

    sealed class Exporter(ConcurrentQueue<Activity> spans) : BaseExporter<Activity>
    {
        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var span in batch)
                spans.Enqueue(span);
            return ExportResult.Success;
        }
    }

    sealed class LogProcessor(ConcurrentQueue<string> logs) : BaseProcessor<LogRecord>
    {
        public override void OnEnd(LogRecord data)
        {
            var text = new StringBuilder($"{data.CategoryName} trace={data.TraceId} {data.FormattedMessage} {data.Exception}");
            foreach (var (key, value) in data.Attributes ?? [])
                text.Append($" {key}={value}");
            data.ForEachScope((scope, said) =>
            {
                foreach (var (key, value) in scope)
                    said.Append($" {key}={value}");
            }, text);
            logs.Enqueue(text.ToString());
        }
    }
}
