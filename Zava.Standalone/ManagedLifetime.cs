namespace Zava.Standalone;

/// <summary>Leaves Ctrl-C and SIGTERM to the program, which stops its hosts in order, instead of to each host by itself.</summary>
sealed class ManagedLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
