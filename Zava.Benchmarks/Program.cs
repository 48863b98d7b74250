using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Zava.Benchmarks;

if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

var json = new Option<FileInfo?>("--json") { Description = "Also write the results to this file", Recursive = true };
var folder = new Option<DirectoryInfo>("--folder")
{
    Description = "Where the benchmark's PostgreSQL is kept",
    DefaultValueFactory = _ => new DirectoryInfo(Path.Combine(".zava", "bench-postgres")),
    Recursive = true,
};

var seconds = new Option<int>("--seconds") { Description = "For how long to measure", DefaultValueFactory = _ => 60 };
var isolation = new Command("isolation", "What isolation adds to a call, against the same query without it") { seconds };
isolation.SetAction((parsed, cancellationToken) => RunAsync(parsed, async database =>
{
    var lines = await Isolation.RunAsync(database.Application, database.Administrator, database.Key, TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellationToken);
    var table = new Table().AddColumns("query", "without, µs", "with, µs", "overhead", "p99 without, µs", "p99 with, µs");
    foreach (var line in lines)
        table.AddRow(
            line.Query, Number(line.Plain), Number(line.Isolated), string.Create(CultureInfo.InvariantCulture, $"{line.Overhead:+0 %;-0 %}"), Number(line.PlainP99), Number(line.IsolatedP99));
    AnsiConsole.Write(table);
    return (lines, true);
}, cancellationToken));

var statements = new Option<long>("--statements") { Description = "How many", DefaultValueFactory = _ => 1_000_000 };
var soak = new Command("soak", "Many callers of many stores on one pool, with cancelled and failing statements and sessions that are cut") { statements };
soak.SetAction((parsed, cancellationToken) => RunAsync(parsed, async database =>
{
    var total = parsed.GetValue(statements);
    var watch = Stopwatch.StartNew();
    var report = await AnsiConsole.Progress().StartAsync(progress =>
    {
        var task = progress.AddTask("Statements", maxValue: total);
        return Soak.RunAsync(database.Application, database.Administrator, database.Key, total, done => task.Value = done, cancellationToken);
    });
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture,
        $"{report.Statements:N0} statements in {watch.Elapsed.TotalSeconds:N0} s: {report.Rows:N0} rows, {report.Cancelled:N0} cancelled, {report.Failed:N0} failed, {report.Cut:N0} sessions cut.");
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"Rows of a wrong store: {report.WrongRows:N0}");
    return (report, report.WrongRows == 0);
}, cancellationToken));

return await new RootCommand("Measures Zava; see docs/performance.md.") { isolation, soak, json, folder }.Parse(args).InvokeAsync();

static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

async Task<int> RunAsync<T>(ParseResult parsed, Func<BenchmarkDatabase, Task<(T Results, bool Holds)>> measure, CancellationToken cancellationToken)
{
    try
    {
        await using var database = await BenchmarkDatabase.StartAsync(Path.GetFullPath(parsed.GetValue(folder)!.FullName), cancellationToken);
        var (results, holds) = await measure(database);
        if (parsed.GetValue(json) is { } file)
            await File.WriteAllTextAsync(file.FullName, JsonSerializer.Serialize(results, new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = true }), cancellationToken);
        return holds ? 0 : 1;
    }
    catch (InvalidOperationException expected)
    {
        AnsiConsole.MarkupLineInterpolated($"[red]{expected.Message}[/]");
        return 2;
    }
}
