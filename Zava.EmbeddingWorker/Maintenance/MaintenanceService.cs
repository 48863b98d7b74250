using Npgsql;
using Zava.Database;

namespace Zava.EmbeddingWorker.Maintenance;

/// <summary>Maintains the database once a week, when the shops sleep.</summary>
public sealed class MaintenanceService(DatabaseMaintenance maintenance, TimeProvider time, ILogger<MaintenanceService> logger) : BackgroundService
{
    /// <summary>The next Sunday, 02:00 UTC.</summary>
    public static DateTimeOffset NextAfter(DateTimeOffset now)
    {
        var next = new DateTimeOffset(now.UtcDateTime.Date.AddHours(2), TimeSpan.Zero).AddDays((7 - (int)now.UtcDateTime.DayOfWeek) % 7);
        return next > now ? next : next.AddDays(7);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var now = time.GetUtcNow();
            await Task.Delay(NextAfter(now) - now, time, stoppingToken);
            try
            {
                var steps = await maintenance.RunAsync(report: null, stoppingToken);
                foreach (var step in steps)
                    if (step.Failure is null)
                        logger.LogInformation("{Statement} took {Duration}", step.Statement, step.Duration);
                    else
                        logger.LogError("{Statement} failed: {Failure}", step.Statement, step.Failure);
                logger.LogInformation("Maintenance is done; {Count} statements were due", steps.Count);
            }
            catch (Exception failed) when (failed is NpgsqlException or DatabaseSetupException)
            {
                logger.LogError(failed, "Maintenance failed; it is tried again next week");
            }
        }
    }
}
