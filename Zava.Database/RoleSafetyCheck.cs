using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Zava.Database;

/// <summary>Stops a service before it serves anything if its database login would void row-level security.</summary>
sealed class RoleSafetyCheck(NpgsqlDataSource dataSource) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => RoleSafety.VerifyAsync(dataSource, cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
