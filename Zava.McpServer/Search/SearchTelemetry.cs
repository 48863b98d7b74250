using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Zava.McpServer.Search;

/// <summary>What traces and metrics say of a search: the way it took, how long, and how much it found; never what was looked for.</summary>
sealed class SearchTelemetry
{
    public const string MeaningAndWords = "meaning_and_words";
    public const string Words = "words";
    public const string Similar = "similar";

    /// <summary>Source of the spans and name of the meter.</summary>
    public const string Name = "Zava.Search";

    static readonly ActivitySource Activities = new(Name);

    readonly Histogram<double> _duration;
    readonly Histogram<int> _results;
    readonly Counter<long> _weak;

    public SearchTelemetry(IMeterFactory meters)
    {
        var meter = meters.Create(Name);
        _duration = meter.CreateHistogram("zava.search.duration", "s", "Embedding and comparing, by what was compared", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [.001, .002, .003, .005, .0075, .01, .015, .02, .03, .05, .075, .1, .25, .5, 1, 2.5, 5, 10],
        });
        _results = meter.CreateHistogram("zava.search.results", "{product}", "Products found", advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [0, 1, 2, 5, 10, 20, 50] });
        _weak = meter.CreateCounter<long>("zava.search.weak", "{search}", "Searches that found nothing, or nothing that is close");
    }

    public async Task<T> MeasureAsync<T>(Func<Task<T>> search, Func<T, (string Way, IReadOnlyList<ProductMatch> Products)> look)
    {
        using var span = Activities.StartActivity("search products");
        var started = Stopwatch.GetTimestamp();
        T found;
        try
        {
            found = await search();
        }
        catch
        {
            span?.SetStatus(ActivityStatusCode.Error);
            throw;
        }
        var (way, products) = look(found);
        var tag = new KeyValuePair<string, object?>("zava.search.way", way);
        _duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, tag);
        _results.Record(products.Count, tag);
        var isWeak = products.All(product => product.IsWeakMatch);
        if (isWeak)
            _weak.Add(1, tag);
        span?.SetTag(tag.Key, way).SetTag("zava.search.results", products.Count).SetTag("zava.search.weak", isWeak);
        return found;
    }
}
