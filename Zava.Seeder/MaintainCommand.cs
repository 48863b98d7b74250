using System.CommandLine;
using Npgsql;
using Spectre.Console;
using Zava.Database;

namespace Zava.Seeder;

/// <summary><c>maintain</c>: statistics of the tables, and the VACUUM and REINDEX that are due.</summary>
public static class MaintainCommand
{
    /// <param name="findLoginAsync">Connection string of <c>zava_maintenance</c>.</param>
    public static Command Create(Func<CancellationToken, Task<string>> findLoginAsync)
    {
        var maintain = new Command("maintain", "Updates statistics and runs the VACUUM and REINDEX that are due; exit code 1 when one failed or was skipped");
        maintain.SetAction(async (_, cancellationToken) =>
        {
            try
            {
                var maintenance = new DatabaseMaintenance(await findLoginAsync(cancellationToken));
                var steps = await maintenance.RunAsync(Report, cancellationToken);
                if (await maintenance.WhyNoSlowQueriesAsync(cancellationToken) is { } missing)
                    AnsiConsole.MarkupLineInterpolated($"[yellow]{missing}[/]");
                var failed = steps.Count(step => step.Failure is not null);
                AnsiConsole.MarkupLineInterpolated($"Statistics are current; {steps.Count} statements were due, {failed} of them failed.");
                return failed == 0 ? 0 : 1;
            }
            catch (Exception expected) when (expected is DatabaseSetupException or InvalidOperationException or NpgsqlException)
            {
                AnsiConsole.MarkupLineInterpolated($"[red]{expected.Message}[/]");
                return expected is DatabaseSetupException ? 1 : 2;
            }
        });
        return maintain;
    }

    static void Report(MaintenanceStep step)
    {
        AnsiConsole.MarkupLineInterpolated($"{step.Statement}: {step.Duration.TotalSeconds:0.0} s");
        if (step.Failure is not null)
            AnsiConsole.MarkupLineInterpolated($"[red]  failed: {step.Failure}[/]");
    }
}
