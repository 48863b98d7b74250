using System.Diagnostics;
using Microsoft.Extensions.AI;
using Npgsql;
using Zava.Database;

namespace Zava.EmbeddingWorker;

/// <summary>Keeps <c>product_embeddings</c> current: claims, embeds, stores; several may run at once.</summary>
public sealed class EmbeddingWorkerService(
    EmbeddingQueue queue,
    IEmbeddingGenerator<string, Embedding<float>> generator,
    NpgsqlDataSource dataSource,
    IHostApplicationLifetime lifetime,
    ILogger<EmbeddingWorkerService> logger) : BackgroundService
{
    // Small enough that a lost batch is cheap, large enough that a remote provider's round trip is shared.
    const int BatchSize = 64;

    // Much longer than a batch takes, so that only a dead worker's rows are claimed again.
    static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    // A notification wakes the worker at once; the timer is for those that a broken connection lost, and for pauses.
    static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    // Reads every product's text, and finds something only after a change of model.
    static readonly TimeSpan EnqueueMissingInterval = TimeSpan.FromMinutes(5);

    static readonly ActivitySource Activities = new("Zava.EmbeddingWorker");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
            }
            catch (DatabaseSetupException refused)
            {
                logger.LogCritical("{Reason}", refused.Message);
                Environment.ExitCode = 1;
                lifetime.StopApplication();
                return;
            }
            catch (NpgsqlException failed)
            {
                logger.LogWarning(failed, failed is PostgresException
                    ? "PostgreSQL refused a statement; trying again in {Delay}"
                    : "The database did not answer; trying again in {Delay}", PollInterval);
                await Task.Delay(PollInterval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    async Task RunAsync(CancellationToken stoppingToken)
    {
        // Listening comes before the first look at the queue, or a product added in between would wait for the timer.
        await using var listener = await dataSource.OpenConnectionAsync(stoppingToken);
        await using (var listen = new NpgsqlCommand($"LISTEN {EmbeddingQueue.Channel}", listener))
            await listen.ExecuteNonQueryAsync(stoppingToken);

        await queue.ActivateModelAsync(stoppingToken);
        var lookedForMissing = default(long?);
        while (true)
        {
            if (lookedForMissing is not { } last || Stopwatch.GetElapsedTime(last) > EnqueueMissingInterval)
            {
                logger.LogInformation("{Count} products without a current embedding were queued", await queue.EnqueueMissingAsync(stoppingToken));
                lookedForMissing = Stopwatch.GetTimestamp();
            }
            while (await ProcessBatchAsync(stoppingToken))
            {
            }
            await listener.WaitAsync(PollInterval, stoppingToken);
        }
    }

    /// <summary>Claims and embeds one batch.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    async Task<bool> ProcessBatchAsync(CancellationToken stoppingToken)
    {
        var claimId = Guid.NewGuid();
        var claimed = await queue.ClaimAsync(claimId, BatchSize, Lease, stoppingToken);
        if (claimed.Count == 0)
            return false;

        using var activity = Activities.StartActivity("embed products");
        activity?.SetTag("zava.products", claimed.Count);
        try
        {
            // No connection is held while the provider works.
            var embeddings = await generator.GenerateAsync(claimed.Select(text => text.Text), cancellationToken: stoppingToken);
            var stored = await queue.CompleteAsync(claimId, claimed, embeddings, stoppingToken);
            logger.LogInformation("Embedded {Stored} of {Claimed} claimed products", stored, claimed.Count);
            return true;
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await queue.ReleaseAsync(claimId, error: null, CancellationToken.None);
            throw;
        }
        // An NpgsqlException that PostgreSQL did not send means that the connection is lost.
        catch (Exception failed) when (failed is not NpgsqlException or PostgresException)
        {
            activity?.SetStatus(ActivityStatusCode.Error);
            logger.LogError(failed, "Embedding {Claimed} products failed; they will be tried again", claimed.Count);
            await queue.ReleaseAsync(claimId, failed.Message, stoppingToken);
            return true;
        }
    }
}
