using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Zava.Database;

/// <summary>
/// Stops a service before it serves anything if its database login would void row-level security, and takes it out of
/// service if the login is given such rights later.
/// </summary>
sealed class RoleSafetyCheck(NpgsqlDataSource dataSource) : IHostedLifecycleService, IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await RoleSafety.VerifyAsync(dataSource, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (DatabaseSetupException dangerous)
        {
            return HealthCheckResult.Unhealthy(dangerous.Message);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => RoleSafety.VerifyAsync(dataSource, cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
