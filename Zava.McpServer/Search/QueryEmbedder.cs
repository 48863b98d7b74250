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

    readonly EmbeddingProviders _providers;
    readonly TimeProvider _time;
    readonly ILogger<QueryEmbedder> _logger;
    readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = Remembered });
    readonly Counter<long> _lookups;
    EmbeddingProvider _current;
    long _askAgainFrom;

    public QueryEmbedder(EmbeddingProviders providers, IMeterFactory meters, TimeProvider time, ILogger<QueryEmbedder> logger)
    {
        (_providers, _time, _logger) = (providers, time, logger);
        _current = providers.All[0];
        _lookups = meters.Create(SearchTelemetry.Name).CreateCounter<long>(
            "zava.search.query_embeddings", "{query}", "Texts searched for, by where their embedding came from: cache, provider or nowhere.");
    }

    /// <summary>The model that queries are embedded with.</summary>
    public EmbeddingModel Model => Volatile.Read(ref _current).Model;

    /// <summary>Embeds with another model from now on, because the search uses that.</summary>
    /// <returns>Whether it is a configured one and was not in use.</returns>
    public bool ChangeTo(string model)
    {
        if (_providers.All.FirstOrDefault(provider => provider.Model.Name == model) is not { } next || next == Volatile.Read(ref _current))
            return false;
        Volatile.Write(ref _current, next);
        return true;
    }

    /// <summary>Whether the provider answered last, or is about to be asked again.</summary>
    public bool Answers => _time.GetTimestamp() >= Interlocked.Read(ref _askAgainFrom);

    /// <returns>The embedding of a text, or <c>null</c> when the provider does not give one.</returns>
    /// <param name="asker">Whose search it is: that a text is remembered shows in the time it takes, and tells nobody else that it was asked.</param>
    /// <param name="text">What is searched for.</param>
    /// <param name="cancellationToken">Cancels the request to the provider.</param>
    public async Task<HalfVector?> EmbedAsync(StoreSet asker, string text, CancellationToken cancellationToken)
    {
        var provider = Volatile.Read(ref _current);
        var metadata = provider.Generator.GetService<EmbeddingGeneratorMetadata>();
        var key = (metadata?.ProviderName, metadata?.ProviderUri, provider.Model, asker.IsEvery ? "*" : string.Join(',', asker.Names), text);
        if (_cache.TryGetValue(key, out HalfVector? known))
            return Count(known, "cache");
        if (!Answers)
            return Count(null, "nowhere");

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var embedding = await provider.Generator.GenerateVectorAsync(text, cancellationToken: patience.Token);
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
