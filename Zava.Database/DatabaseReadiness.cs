using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Zava.Database;

/// <summary>
/// Whether a service may serve from its database: it can be reached, its logins are ones that row-level security binds, and every
/// migration of this build has run. Until then a service that has started waits; a dangerous login stops it.
/// </summary>
public sealed class DatabaseReadiness(
    NpgsqlDataSource dataSource, IHostApplicationLifetime lifetime, ILogger<DatabaseReadiness> logger, OperatorDatabase? operators = null)
    : BackgroundService, IHostedLifecycleService, IHealthCheck
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // A host that does not answer must not keep a service from being alive.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    string? _problem;

    /// <summary>Whether the database has been ready since this service started: from then on requests are taken.</summary>
    public bool HasBeenReady => _ready.Task.IsCompletedSuccessfully;

    /// <summary>Waits until the database is ready for the first time.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => _ready.Task.WaitAsync(cancellationToken);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            return await FindProblemAsync(cancellationToken) is { } problem ? HealthCheckResult.Unhealthy(problem) : HealthCheckResult.Healthy();
        }
        catch (DatabaseSetupException dangerous)
        {
            return HealthCheckResult.Unhealthy(dangerous.Message);
        }
    }

    /// <exception cref="DatabaseSetupException">A login voids row-level security.</exception>
    public Task StartingAsync(CancellationToken cancellationToken) => LookAsync(cancellationToken);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (!HasBeenReady)
            {
                await Task.Delay(Interval, stoppingToken);
                await LookAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        catch (DatabaseSetupException dangerous)
        {
            logger.LogCritical("{Reason}", dangerous.Message);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    async Task LookAsync(CancellationToken cancellationToken)
    {
        var problem = await FindProblemAsync(cancellationToken);
        if (problem is null)
            _ready.TrySetResult();
        else if (problem != _problem)
            logger.LogWarning("Not ready: {Problem}", problem);
        _problem = problem;
    }

    async Task<string?> FindProblemAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await RoleSafety.VerifyAsync(dataSource, patience.Token);
            if (operators is not null)
                await operators.VerifyLoginAsync(patience.Token);
            var missing = await MissingMigrations.CountAsync(dataSource, patience.Token);
            return missing == 0 ? null : $"The database lacks {missing} migrations of this version: run the seeder.";
        }
        catch (PostgresException refused)
        {
            return refused.SqlState switch
            {
                PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                    "The database or the login does not exist yet, or the password is another: run the seeder.",
                PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.InsufficientPrivilege =>
                    "The database is not migrated to this version: run the seeder.",
                _ => $"The database refuses ({refused.SqlState}).",
            };
        }
        // Several hosts, none of which is the primary, say the same. The message would name them.
        catch (Exception lost) when (lost is NpgsqlException or TimeoutException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return "The database cannot be reached.";
        }
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
