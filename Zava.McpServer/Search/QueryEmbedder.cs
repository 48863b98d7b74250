using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Memory;
using Pgvector;
using Zava.Database;
using Zava.Embeddings;

namespace Zava.McpServer.Search;

/// <summary>Embeds what is searched for, and remembers it for a while; does without when the provider does not answer.</summary>
public sealed class QueryEmbedder : IDisposable
{
    // A vector of 1,536 halves is 3 KB: some 30 MB at most.
    const int Remembered = 10_000;

    static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    // An agent waits; an answer by words alone is better than one that comes too late.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // After a failure, for so long no search waits for the provider.
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(15);

    readonly IEmbeddingGenerator<string, Embedding<float>> _generator;
    readonly EmbeddingModel _model;
    readonly string _provider;
    readonly TimeProvider _time;
    readonly ILogger<QueryEmbedder> _logger;
    readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = Remembered });
    readonly Counter<long> _lookups;
    long _askAgainFrom;

    public QueryEmbedder(
        IEmbeddingGenerator<string, Embedding<float>> generator, EmbeddingModel model, IMeterFactory meters, TimeProvider time, ILogger<QueryEmbedder> logger)
    {
        (_generator, _model, _time, _logger) = (generator, model, time, logger);
        _provider = generator.GetService<EmbeddingGeneratorMetadata>() is { } metadata ? $"{metadata.ProviderName} {metadata.ProviderUri}" : "";
        _lookups = meters.Create("Zava.Search").CreateCounter<long>(
            "zava.search.query_embeddings", "{query}", "Texts searched for, by where their embedding came from: cache, provider or nowhere.");
    }

    /// <returns>The embedding of a text, or <c>null</c> when the provider does not give one.</returns>
    /// <param name="asker">Whose search it is: that a text is remembered shows in the time it takes, and tells nobody else that it was asked.</param>
    /// <param name="text">What is searched for.</param>
    /// <param name="cancellationToken">Cancels the request to the provider.</param>
    public async Task<HalfVector?> EmbedAsync(StoreSet asker, string text, CancellationToken cancellationToken)
    {
        var key = (_provider, _model.Name, _model.Dimensions, asker.IsEvery ? "*" : string.Join(',', asker.Names), text);
        if (_cache.TryGetValue(key, out HalfVector? known))
            return Count(known, "cache");
        if (_time.GetTimestamp() < Interlocked.Read(ref _askAgainFrom))
            return Count(null, "nowhere");

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var embedding = await _generator.GenerateVectorAsync(text, cancellationToken: patience.Token);
            var vector = new HalfVector(Array.ConvertAll(embedding.ToArray(), number => (Half)number));
            return Count(_cache.Set(key, vector, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Kept }), "provider");
        }
        catch (Exception failed) when (!cancellationToken.IsCancellationRequested)
        {
            Interlocked.Exchange(ref _askAgainFrom, _time.GetTimestamp() + (long)(Pause.TotalSeconds * _time.TimestampFrequency));
            // Without the exception: a provider's message may quote what it was asked.
            _logger.LogWarning("The embedding provider did not answer ({Failure}); search compares words alone for {Pause}", failed.GetType().Name, Pause);
            return Count(null, "nowhere");
        }
    }

    HalfVector? Count(HalfVector? vector, string source)
    {
        _lookups.Add(1, new KeyValuePair<string, object?>("source", source));
        return vector;
    }

    public void Dispose() => _cache.Dispose();
}
