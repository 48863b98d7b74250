using System.Diagnostics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Zava.Embeddings;

namespace Zava.McpServer.Search;

/// <summary>
/// Whether the embedding provider answers, asked at most once a minute however many probes there are; degraded, because search
/// compares words without it. Loads a local model beside the start, so that the first search need not.
/// </summary>
sealed class EmbedderHealth(IServiceProvider services) : BackgroundService, IHealthCheck
{
    static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);

    // As long as a search waits.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    readonly SemaphoreSlim _turn = new(1);
    (bool Answers, long At)? _last;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        // Another's model has nothing to load, and each request may cost.
        if (services.GetRequiredService<EmbeddingModel>().Name == UniversalSentenceEncoder.ModelId)
            await AnswersAsync(stoppingToken);
    }

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        await AnswersAsync(cancellationToken)
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Degraded("The embedding provider does not answer; search compares words alone.");

    async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_last is not { } last || Stopwatch.GetElapsedTime(last.At) > Remembered)
                _last = (await AskAsync(cancellationToken), Stopwatch.GetTimestamp());
            return _last.Value.Answers;
        }
        finally
        {
            _turn.Release();
        }
    }

    async Task<bool> AskAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var generator = services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();
            return (await generator.GenerateVectorAsync("A coffee mug.", cancellationToken: patience.Token)).Length > 0;
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            // QueryEmbedder logs what a search meets.
            return false;
        }
    }

    public override void Dispose()
    {
        _turn.Dispose();
        base.Dispose();
    }
}
