using Npgsql;

namespace Zava.EmbeddingWorker;

/// <summary>Extends the lease of a claim for as long as the work on it goes on.</summary>
sealed class Heartbeat : IAsyncDisposable
{
    readonly CancellationTokenSource _over = new();
    readonly Task _beating;

    public Heartbeat(EmbeddingQueue queue, Guid claimId, TimeSpan lease, ILogger logger) => _beating = BeatAsync(queue, claimId, lease, logger);

    async Task BeatAsync(EmbeddingQueue queue, Guid claimId, TimeSpan lease, ILogger logger)
    {
        using var timer = new PeriodicTimer(lease / 3);
        while (true)
            try
            {
                await timer.WaitForNextTickAsync(_over.Token);
                await queue.ExtendAsync(claimId, lease, _over.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (NpgsqlException failed)
            {
                logger.LogWarning("A lease could not be extended ({SqlState}); it is tried again", failed.SqlState ?? "no connection");
            }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _beating;
        _over.Dispose();
    }
}
