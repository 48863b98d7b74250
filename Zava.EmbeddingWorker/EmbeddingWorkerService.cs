using Microsoft.Extensions.Options;
using Npgsql;
using Zava.Database;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

/// <summary>Keeps <c>product_embeddings</c> current for each configured model; several workers may run at once.</summary>
public sealed class EmbeddingWorkerService(
    EmbeddingProviders providers,
    NpgsqlDataSource dataSource,
    DatabaseReadiness database,
    IOptions<EmbeddingWorkerOptions> options,
    WorkerHealth health,
    WorkerMetrics metrics,
    IHostApplicationLifetime lifetime,
    ILogger<EmbeddingWorkerService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await database.WaitAsync(stoppingToken);
        await Task.WhenAll(providers.All.Select(provider => KeepCurrentAsync(provider, stoppingToken)));
    }

    async Task KeepCurrentAsync(EmbeddingProvider provider, CancellationToken stoppingToken)
    {
        using var worker = new ModelWorker(provider, dataSource, options.Value, health, metrics, logger);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await worker.RunAsync(stoppingToken);
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
            // Neither message is logged: PostgreSQL's may quote a row, and another's a text.
            catch (Exception failed)
            {
                if (failed is NpgsqlException database)
                {
                    dataSource.EndReadOnlySessions(database);
                    worker.Interrupted(DatabaseProblem.Describe(database));
                }
                else
                    logger.LogError("Embedding was interrupted ({Reason}); trying again in {Delay}", $"{failed.GetType().Name}\n{failed.StackTrace}", ModelWorker.PollInterval);
                await Task.Delay(ModelWorker.PollInterval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
