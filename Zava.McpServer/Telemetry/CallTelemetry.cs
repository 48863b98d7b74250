using System.Diagnostics;
using System.Diagnostics.Metrics;
using Zava.McpServer.Audit;

namespace Zava.McpServer.Telemetry;

/// <summary>What traces and metrics say of a call: tool, store, outcome and a pseudonym of the user, and nothing of what was asked.</summary>
sealed class CallTelemetry
{
    /// <summary>Instead of a store, where the call was for several.</summary>
    const string SeveralStores = "(several)";

    readonly UserPseudonyms _pseudonyms;
    readonly Counter<long> _calls;
    readonly Histogram<double> _duration;
    readonly Counter<long> _refused;

    public CallTelemetry(IMeterFactory meters, UserPseudonyms pseudonyms)
    {
        _pseudonyms = pseudonyms;
        var meter = meters.Create("Zava.McpServer");
        _calls = meter.CreateCounter<long>("zava.tool.calls", "{call}", "Calls of tools, readings of resources and completions, by how they ended");
        _duration = meter.CreateHistogram("zava.tool.duration", "s", "From the checked arguments to the answer", advice: new InstrumentAdvice<double>
        {
            // A lookup takes under a millisecond; a request is given a minute.
            HistogramBucketBoundaries = [.0005, .001, .002, .003, .005, .0075, .01, .015, .02, .03, .05, .075, .1, .25, .5, 1, 2.5, 5, 10, 30, 60],
        });
        _refused = meter.CreateCounter<long>("zava.isolation.refused", "{refusal}", "What isolation refused, by the reason");
    }

    /// <summary>Notes a call that has ended.</summary>
    public void Called(ToolCallRecord call)
    {
        var tool = new KeyValuePair<string, object?>("zava.tool", call.Tool);
        _calls.Add(1, tool, new("zava.outcome", call.Outcome));
        _duration.Record(call.DurationMs / 1000, tool);
        if (call.Outcome == ToolOutcome.Forbidden)
            Refused(Refusal.Scope);
        if (Activity.Current is not { IsAllDataRequested: true } span)
            return;
        span.SetTag("zava.tool", call.Tool);
        span.SetTag("zava.outcome", call.Outcome);
        span.SetTag("zava.store_id", call.StoreId ?? SeveralStores);
        if (call.UserName.Length > 0)
            span.SetTag("enduser.pseudo.id", _pseudonyms.Of(call.UserName));
    }

    /// <param name="reason">One of <see cref="Refusal"/>.</param>
    public void Refused(string reason) => _refused.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
