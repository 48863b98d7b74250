using System.Collections.Concurrent;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Zava.EmbeddingWorker;

/// <summary>Why a model is not embedded with, in a sentence; degraded rather than unhealthy, because a restart would not help.</summary>
public sealed class WorkerHealth(ILogger<WorkerHealth> logger) : IHealthCheck
{
    readonly ConcurrentDictionary<string, string> _problems = new();

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_problems.IsEmpty
            ? HealthCheckResult.Healthy("Products are being embedded as they change.")
            : HealthCheckResult.Degraded(string.Join(' ', _problems.Values.Order(StringComparer.Ordinal))));

    /// <param name="model">The model's name.</param>
    /// <param name="problem">What keeps it from being embedded with; <c>null</c> when nothing does any more.</param>
    internal void Report(string model, string? problem)
    {
        if (problem is null ? !_problems.TryRemove(model, out _) : _problems.TryGetValue(model, out var known) && known == problem)
            return;
        if (problem is null)
        {
            logger.LogInformation("Embedding with {Model} goes on", model);
            return;
        }
        _problems[model] = problem;
        logger.LogWarning("{Problem}", problem);
    }
}
