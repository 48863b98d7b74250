using Microsoft.Extensions.AI;
using Polly;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

/// <summary>
/// Requests to one provider: within its rate limits, repeated when they fail, and none at all for a while once it is found to
/// be down. This is the one place that repeats: the OpenAI client of a worker does not, because only here are failures counted,
/// leases kept alive and claims held back meanwhile.
/// </summary>
sealed class ProviderClient : IDisposable
{
    // A provider that asks for longer is down, as far as a batch is concerned.
    static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    readonly EmbeddingProvider _provider;
    readonly RateLimits _limits;
    readonly WorkerHealth _health;
    readonly TimeProvider _time;
    readonly ResiliencePipeline _pipeline;
    readonly ResiliencePipeline _timeout;
    long _closedUntil;

    public ProviderClient(EmbeddingProvider provider, EmbeddingWorkerOptions options, WorkerHealth health, WorkerMetrics metrics, TimeProvider time)
    {
        (_provider, _health, _time) = (provider, health, time);
        _limits = new RateLimits(options);
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new()
            {
                ShouldHandle = failed => ValueTask.FromResult(failed.Outcome.Exception is { } exception && Fails(failed.Context, exception) && ProviderFault.IsTransient(exception)
                    && !(ProviderFault.RetryAfter(exception, time.GetUtcNow()) > LongestDelay)),
                MaxRetryAttempts = options.Retries,
                Delay = options.RetryDelay,
                MaxDelay = LongestDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                // null: as computed from the above.
                DelayGenerator = failed => ValueTask.FromResult(ProviderFault.RetryAfter(failed.Outcome.Exception, time.GetUtcNow())),
                OnRetry = _ =>
                {
                    metrics.Retried(provider.Model.Name);
                    return default;
                },
            })
            .AddCircuitBreaker(new()
            {
                ShouldHandle = failed => ValueTask.FromResult(failed.Outcome.Exception is { } exception && Fails(failed.Context, exception) && ProviderFault.IsOfProvider(exception)),
                FailureRatio = 0.8,
                MinimumThroughput = 3,
                SamplingDuration = TimeSpan.FromMinutes(1),
                BreakDuration = options.Pause,
                OnOpened = opened =>
                {
                    // Half a minute of Retry-After is waited for by the retry; an hour, here.
                    var pause = ProviderFault.RetryAfter(opened.Outcome.Exception, time.GetUtcNow()) is { } asked && asked > opened.BreakDuration ? asked : opened.BreakDuration;
                    Close(pause, ProviderFault.Describe(opened.Outcome.Exception!));
                    return default;
                },
            })
            .Build();
        // Apart, so that the time in which the rate limit is waited for is not the request's.
        _timeout = new ResiliencePipelineBuilder { TimeProvider = time }.AddTimeout(options.RequestTimeout).Build();

        // What we call off ourselves is no failure.
        static bool Fails(ResilienceContext context, Exception exception) =>
            exception is not OperationCanceledException || !context.CancellationToken.IsCancellationRequested;
    }

    /// <summary>For how long nothing should be claimed, because the provider is down.</summary>
    public TimeSpan Pause => TimeSpan.FromTicks(Math.Max(0, Interlocked.Read(ref _closedUntil) - _time.GetUtcNow().Ticks));

    /// <summary>Stops claiming for a while.</summary>
    public void Close(TimeSpan pause, string reason)
    {
        Interlocked.Exchange(ref _closedUntil, (_time.GetUtcNow() + pause).Ticks);
        _health.Report(_provider.Model.Name, $"Embedding with {_provider.Model.Name} pauses: {reason}. Products wait in the queue; it is tried again every {pause.TotalSeconds:0} s.");
    }

    /// <summary>Embeds texts, in one request.</summary>
    /// <exception cref="Exception">It failed for good: see <see cref="ProviderFault"/>.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> RequestAsync(IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        var answer = await _pipeline.ExecuteAsync(async token =>
        {
            await _limits.WaitAsync(texts, token);
            var embeddings = await _timeout.ExecuteAsync(
                async requestToken => await _provider.Generator.GenerateAsync(texts, cancellationToken: requestToken), token);
            return embeddings.Count == texts.Count
                ? embeddings
                : throw new InvalidDataException($"The embedding provider returned {embeddings.Count} vectors for {texts.Count} texts.");
        }, cancellationToken);
        // It works again.
        if (Interlocked.Exchange(ref _closedUntil, 0) != 0)
            _health.Report(_provider.Model.Name, problem: null);
        return answer;
    }

    public void Dispose() => _limits.Dispose();
}
