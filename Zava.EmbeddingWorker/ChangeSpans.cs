using System.Diagnostics;

namespace Zava.EmbeddingWorker;

/// <summary>
/// A span in the trace of each request whose products are being embedded, so that one trace leads from the change to the
/// stored vector. Each links to the batch, which is a trace of its own because it serves many.
/// </summary>
sealed class ChangeSpans : IDisposable
{
    readonly List<Activity> _spans = [];

    public ChangeSpans(ActivitySource source, IEnumerable<ClaimedText> claimed, string model)
    {
        var batch = Activity.Current;
        foreach (var change in claimed.Where(text => text.TraceId is { Length: 32 }).GroupBy(text => (TraceId: text.TraceId!, text.StoreId)))
            // The queue knows the trace, not the span: without a parent it is one more root of that trace.
            if (source.StartActivity("embed changed products", ActivityKind.Consumer,
                new ActivityContext(ActivityTraceId.CreateFromString(change.Key.TraceId), default, ActivityTraceFlags.Recorded, isRemote: true),
                [new("zava.products", change.Count()), new("zava.embedding_model", model), new("zava.store_id", change.Key.StoreId)],
                batch is null ? [] : [new(batch.Context)]) is { } span)
                _spans.Add(span);
        Activity.Current = batch;
    }

    public void Dispose()
    {
        foreach (var span in _spans)
            span.Dispose();
    }
}
