using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Zava.EmbeddingWorker;

/// <summary>Whether products wait too long; degraded, because neither a restart nor another worker need be the remedy.</summary>
sealed class QueueHealth(WorkerMetrics metrics) : IHealthCheck
{
    static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(metrics.OldestWait is var wait && wait <= Limit
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Degraded($"A product has waited for its embedding for {wait.TotalMinutes:0} minutes."));
}
