using System.Globalization;
using Spectre.Console;

namespace Zava.Benchmarks.Calls;

/// <summary>Runs <c>./zava bench calls</c> and shows what came out.</summary>
static class CallsReport
{
    public static async Task<(object Results, bool Holds)> SpeedAsync(BenchmarkDatabase database, TimeSpan time, int[] clients, string[] against, CancellationToken cancellationToken)
    {
        var report = await WithProgressAsync("Calls", progress => CallsBenchmark.RunAsync(database, time, clients, against, progress, cancellationToken));
        foreach (var query in report.Lines.GroupBy(line => line.Query))
        {
            AnsiConsole.MarkupLineInterpolated($"\n[bold]{query.Key}[/]");
            var table = new Table().AddColumn("");
            foreach (var count in clients)
                table.AddColumn($"of Zava's, {count} clients");
            foreach (var count in clients)
                table.AddColumns($"calls/s, {count}", $"median, µs, {count}", $"p99, µs, {count}");
            table.AddColumns("CPU µs a call", "PostgreSQL's");
            foreach (var contender in query.GroupBy(line => line.Contender))
                table.AddRow([
                    contender.Key,
                    .. contender.Select(line => line.Ratio.ToString("0.00", CultureInfo.InvariantCulture)),
                    .. contender.SelectMany(line => (string[])[Number(line.PerSecond), Number(line.Median), Number(line.P99)]),
                    Number(CallsBenchmark.Median(contender.Select(line => line.CpuMicroseconds))), Number(CallsBenchmark.Median(contender.Select(line => line.DatabaseMicroseconds)))]);
            AnsiConsole.Write(table);
        }
        var footprints = new Table().AddColumns("", "start to first answer, s", "resident, MB");
        foreach (var one in report.Footprints)
            footprints.AddRow(one.Contender, one.StartSeconds?.ToString("0.00", CultureInfo.InvariantCulture) ?? "", Number(one.Megabytes));
        AnsiConsole.Write(footprints);
        foreach (var sentence in report.LeftOut)
            AnsiConsole.MarkupLineInterpolated($"[yellow]{sentence}[/]");
        return (report, true);
    }

    public static async Task<(object Results, bool Holds)> MemoryAsync(BenchmarkDatabase database, long total, CancellationToken cancellationToken)
    {
        var report = await WithProgressAsync("Calls", progress => CallsMemory.RunAsync(database, total, progress, cancellationToken));
        AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"Resident, MB: {string.Join(", ", report.Samples.Select(sample => string.Create(CultureInfo.InvariantCulture, $"{sample.Megabytes:0} after {sample.Calls:N0} calls")))}: {report.Growth:+0.0 %;-0.0 %}.");
        return (report, report.Holds);
    }

    static Task<T> WithProgressAsync<T>(string what, Func<Action<double>, Task<T>> run) => AnsiConsole.Progress().StartAsync(progress =>
    {
        var task = progress.AddTask(what, maxValue: 1);
        return run(done => task.Value = done);
    });

    static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
