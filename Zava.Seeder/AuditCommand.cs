using System.CommandLine;
using Npgsql;
using Spectre.Console;
using Zava.Database;

namespace Zava.Seeder;

/// <summary><c>audit verify</c>: whether the record of changes and tool calls is as it was written.</summary>
public static class AuditCommand
{
    /// <param name="openAsync">A data source whose login reads the whole log, such as <c>zava_ops</c>.</param>
    public static Command Create(Func<CancellationToken, Task<NpgsqlDataSource>> openAsync)
    {
        var verify = new Command("verify", "Recomputes the chain of audit entries; exit code 1 when an entry was changed, added or removed");
        verify.SetAction(async (_, cancellationToken) =>
        {
            try
            {
                await using var source = await openAsync(cancellationToken);
                return Report(await new AuditVerifier(source).VerifyAsync(cancellationToken));
            }
            catch (Exception expected) when (expected is InvalidOperationException or NpgsqlException)
            {
                AnsiConsole.MarkupLineInterpolated($"[red]{expected.Message}[/]");
                return 2;
            }
        });
        return new Command("audit", "The record of changes and tool calls") { verify };
    }

    static int Report(AuditReport report)
    {
        foreach (var problem in report.Problems)
            AnsiConsole.MarkupLineInterpolated($"[red]{problem}[/]");
        AnsiConsole.MarkupLineInterpolated($"{report.Changes} changes and {report.ToolCalls} tool calls in {report.Batches} batches; {report.Unsealed} changes are not sealed yet.");
        AnsiConsole.MarkupLineInterpolated($"Batch {report.Batches} has the hash {report.Head}.");
        AnsiConsole.MarkupLine(report.Problems.Count == 0 ? "[green]The audit log is as it was written.[/]" : "[red]The audit log was tampered with.[/]");
        return report.Problems.Count == 0 ? 0 : 1;
    }
}
