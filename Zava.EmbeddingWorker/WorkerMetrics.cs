using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Zava.EmbeddingWorker;

/// <summary>What the pipeline does, in numbers: by model, and by store for as many stores as a metrics store can take.</summary>
public sealed class WorkerMetrics
{
    // Each store is a time series of every instrument, and there may be thousands: the first ones have a label of their own.
    const int LabelledStores = 100;

    internal const string OtherStores = "(other)";

    readonly ConcurrentDictionary<string, byte> _labels = new();
    readonly ConcurrentDictionary<string, IReadOnlyList<Backlog>> _backlogs = new();
    readonly Counter<long> _claimed;
    readonly Counter<long> _embedded;
    readonly Counter<long> _reused;
    readonly Counter<long> _refused;
    readonly Counter<long> _dead;
    readonly Counter<long> _retried;
    readonly Counter<long> _tokens;
    readonly Histogram<double> _batch;

    public WorkerMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Zava.EmbeddingWorker");
        _claimed = meter.CreateCounter<long>("zava.embedding.claimed", "{product}", "Products claimed from the queue");
        _embedded = meter.CreateCounter<long>("zava.embedding.embedded", "{product}", "Products whose vector came from the provider");
        _reused = meter.CreateCounter<long>("zava.embedding.reused", "{product}", "Products whose text had a vector already");
        _refused = meter.CreateCounter<long>("zava.embedding.refused", "{product}", "Texts that the provider refused, each time");
        _dead = meter.CreateCounter<long>("zava.embedding.dead", "{product}", "Products given up");
        _retried = meter.CreateCounter<long>("zava.embedding.retried", "{request}", "Requests repeated after a fault of the provider");
        _tokens = meter.CreateCounter<long>("zava.embedding.tokens", "{token}", "Tokens that the provider counted");
        _batch = meter.CreateHistogram("zava.embedding.batch.duration", "s", "From a claim to its last stored vector", advice: new InstrumentAdvice<double>
        {
            // From a batch that is all reused to one that waits for a provider that is down.
            HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
        });
        meter.CreateObservableGauge("zava.embedding.queue.depth", () => Observe(store => store.Waiting), "{product}", "Products that wait for their embedding");
        meter.CreateObservableGauge("zava.embedding.queue.dead", () => Observe(store => store.Dead), "{product}", "Dead letters");
        meter.CreateObservableGauge("zava.embedding.queue.oldest", () => Observe(store => store.OldestSeconds, oldest: true), "s", "For how long the product waits that has waited longest");
    }

    internal void Claimed(string model, IEnumerable<ClaimedText> texts) => Count(_claimed, model, texts);

    internal void Embedded(string model, IEnumerable<ClaimedText> texts) => Count(_embedded, model, texts);

    internal void Reused(string model, IEnumerable<ClaimedText> texts) => Count(_reused, model, texts);

    internal void Refused(string model, IEnumerable<ClaimedText> texts) => Count(_refused, model, texts);

    internal void Dead(string model, long products) => _dead.Add(products, Model(model));

    internal void Retried(string model) => _retried.Add(1, Model(model));

    internal void Tokens(string model, long tokens) => _tokens.Add(tokens, Model(model));

    internal void Batch(string model, TimeSpan took) => _batch.Record(took.TotalSeconds, Model(model));

    // A store whose queue is empty now is said to be at zero, or its last number would stand.
    internal void Backlog(string model, IReadOnlyList<Backlog> backlog) => _backlogs.AddOrUpdate(model, backlog, (_, before) =>
        [.. backlog, .. before.ExceptBy(backlog.Select(store => store.StoreId), store => store.StoreId).Select(store => new Backlog(store.StoreId, 0, 0, 0))]);

    /// <summary>For how long the product waits that has waited longest.</summary>
    internal TimeSpan OldestWait => TimeSpan.FromSeconds(_backlogs.Values.SelectMany(backlog => backlog).Select(store => store.OldestSeconds).DefaultIfEmpty().Max());

    void Count(Counter<long> counter, string model, IEnumerable<ClaimedText> texts)
    {
        foreach (var store in texts.GroupBy(text => Label(text.StoreId)))
            counter.Add(store.Count(), Model(model), Store(store.Key));
    }

    IEnumerable<Measurement<double>> Observe(Func<Backlog, double> value, bool oldest = false) =>
        from model in _backlogs
        from store in model.Value.GroupBy(store => Label(store.StoreId))
        select new Measurement<double>(oldest ? store.Max(value) : store.Sum(value), Model(model.Key), Store(store.Key));

    string Label(string store) => _labels.ContainsKey(store) || _labels.Count < LabelledStores && _labels.TryAdd(store, 0) ? store : OtherStores;

    static KeyValuePair<string, object?> Model(string model) => new("zava.embedding_model", model);

    static KeyValuePair<string, object?> Store(string store) => new("zava.store_id", store);
}
