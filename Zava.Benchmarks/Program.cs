using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Zava.Benchmarks;
using Zava.Benchmarks.Calls;
using Zava.Seeder;

if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

var json = new Option<FileInfo?>("--json") { Description = "Also write the results to this file", Recursive = true };
var folder = new Option<DirectoryInfo>("--folder")
{
    Description = "Where the benchmark's PostgreSQL is kept",
    DefaultValueFactory = _ => new DirectoryInfo(Path.Combine(".zava", "bench-postgres")),
    Recursive = true,
};

var shop = new SeedOptions(1, SeedOptions.DefaultSeed, new DateOnly(2026, 10, 31));
var seconds = new Option<int>("--seconds") { Description = "For how long to measure", DefaultValueFactory = _ => 60 };
var isolation = new Command("isolation", "What isolation adds to a call, against the same query without it") { seconds };
isolation.SetAction((parsed, cancellationToken) => RunAsync(parsed, shop, Zava.Database.Extensions.DatabaseName, async database =>
{
    var lines = await Isolation.RunAsync(database, TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancellationToken);
    var table = new Table().AddColumns("query", "without, µs", "p99", "without, sessions reset, µs", "p99", "with, µs", "p99", "overhead", "to resets");
    foreach (var line in lines)
        table.AddRow(
        [
            line.Query, .. ((Isolation.Time[])[line.Plain, line.WithResets, line.Isolated]).SelectMany(time => (string[])[Number(time.Median), Number(time.P99)]),
            Overhead(line.Overhead), Overhead(line.OverheadToResets),
        ]);
    AnsiConsole.Write(table);
    return (lines, true);
}, cancellationToken));

var statements = new Option<long>("--statements") { Description = "How many", DefaultValueFactory = _ => 1_000_000 };
var fuzz = new Option<int>("--fuzz") { Description = "How many hostile requests to a server over HTTP", DefaultValueFactory = _ => 100_000 };
var kills = new Option<int>("--kills") { Description = "How many embedding workers to kill", DefaultValueFactory = _ => 50 };
var restarts = new Option<int>("--restarts") { Description = "How often PostgreSQL crashes meanwhile", DefaultValueFactory = _ => 10 };
var soak = new Command("soak", "Many callers of many stores on one pool, with cancelled and failing statements and sessions that are cut; then hostile requests; then killed workers") { statements, fuzz, kills, restarts };
soak.SetAction(async (parsed, cancellationToken) => await RunAsync(parsed, shop, Zava.Database.Extensions.DatabaseName, async database =>
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

    var hostile = await AnsiConsole.Progress().StartAsync(progress =>
    {
        var task = progress.AddTask("Hostile requests", maxValue: parsed.GetValue(fuzz));
        return FuzzSoak.RunAsync(database, parsed.GetValue(fuzz), done => task.Value = done, cancellationToken);
    });
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"{hostile.Requests:N0} hostile requests, by status: {string.Join(", ", hostile.Statuses.Select(pair => $"{pair.Key}: {pair.Value:N0}"))}.");
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture,
        $"Managed heap after each tenth, MB: {string.Join(' ', hostile.Heap.Select(Tenth))}; resident: {string.Join(' ', hostile.Resident.Select(Number))}: {(hostile.IsFlat ? "flat" : "it grows")}.");
    foreach (var fault in hostile.Faults)
        AnsiConsole.MarkupLineInterpolated($"[red]{fault}[/]");
    return (new { report, hostile }, report.WrongRows == 0 && hostile.Faults.Count == 0 && hostile.IsFlat);
}, cancellationToken) is var failed and > 0 ? failed : await KillAsync(parsed, cancellationToken));

var scales = new Option<int[]>("--scales")
{
    Description = "Scales to load, one after the other",
    DefaultValueFactory = _ => [1, 20, 200],
    AllowMultipleArgumentsPerToken = true,
};
var seed = new Command("seed", "Loading the sample data, against raw COPY of the same rows into bare tables") { scales };
seed.SetAction(async (parsed, cancellationToken) =>
{
    var lines = new List<Seeding.Line>();
    foreach (var scale in parsed.GetValue(scales)!)
        if (await RunAsync(parsed, null, $"seed_{scale}", async database => { lines.Add(await Seeding.RunAsync(database, scale, cancellationToken)); return (lines, true); }, cancellationToken) is var failed and > 0)
            return failed;
    var table = new Table().AddColumns("scale", "rows", "load, s", "rows a second", "raw COPY, s", "of raw COPY", "peak memory, MB");
    foreach (var line in lines)
        table.AddRow(
            Number(line.Scale), Number(line.Rows), Tenth(line.LoadSeconds), Number(line.Rows / line.LoadSeconds), Tenth(line.CopySeconds),
            string.Create(CultureInfo.InvariantCulture, $"{line.CopySeconds / line.LoadSeconds:0 %}"), Number(line.PeakMegabytes));
    AnsiConsole.Write(table);
    return 0;
});

var embed = new Command("embed", "The embedding pipeline: against the bare generator, with several workers, and with a provider that costs nothing");
embed.SetAction((parsed, cancellationToken) => RunAsync(parsed, shop, Zava.Database.Extensions.DatabaseName, async database =>
{
    var lines = await Embedding.RunAsync(database, cancellationToken);
    var table = new Table().AddColumns("what", "products a second", "of the ideal");
    foreach (var line in lines)
        table.AddRow(line.What, Number(line.PerSecond), line.OfIdeal is { } ideal ? string.Create(CultureInfo.InvariantCulture, $"{ideal:0 %}") : "");
    AnsiConsole.Write(table);
    return (lines, true);
}, cancellationToken));

var large = new Option<bool>("--large") { Description = "A million products instead of 200,000" };
var rounds = new Option<int>("--rounds") { Description = "How often each query is asked", DefaultValueFactory = _ => 3 };
var search = new Command("search", "Search in stores of 10 to 140,000 products that share an index") { large, rounds };
search.SetAction((parsed, cancellationToken) => RunAsync(parsed, shop, parsed.GetValue(large) ? "search_1000000" : "search_200000", async database =>
{
    var lines = await Searching.RunAsync(database, parsed.GetValue(large), parsed.GetValue(rounds), line => AnsiConsole.WriteLine(line), cancellationToken);
    var table = new Table().AddColumns("store", "products", "way", "recall@10", "rows of 10", "p50, ms", "p95, ms");
    foreach (var line in lines)
        foreach (var way in line.Ways)
            table.AddRow(
                line.Store, Number(line.Products), way.Name, string.Create(CultureInfo.InvariantCulture, $"{way.Recall:.000}"), Tenth(way.Rows),
                string.Create(CultureInfo.InvariantCulture, $"{way.P50:0.00}"), string.Create(CultureInfo.InvariantCulture, $"{way.P95:0.00}"));
    AnsiConsole.Write(table);
    return (lines, true);
}, cancellationToken));

var callSeconds = new Option<int>("--seconds") { Description = "For how long to measure", DefaultValueFactory = _ => 240 };
var clients = new Option<int[]>("--clients") { Description = "How many call at once", DefaultValueFactory = _ => [1, 8, 32], AllowMultipleArgumentsPerToken = true };
var against = new Option<string[]>("--against")
{
    Description = "Instead of the peers, other builds (paths of Zava.McpServer.dll) or settings (NAME=VALUE) of Zava's own server",
    DefaultValueFactory = _ => [],
    AllowMultipleArgumentsPerToken = true,
};
var memory = new Option<long>("--memory") { Description = "Instead, whether memory grows between a tenth of so many calls and the last" };
var calls = new Command("calls", "The same queries through Zava's server, through MCP Toolbox and DBHub, through a bare endpoint, and through Npgsql alone") { callSeconds, clients, against, memory };
calls.SetAction((parsed, cancellationToken) => RunAsync(parsed, shop, Zava.Database.Extensions.DatabaseName, async database =>
    parsed.GetValue(memory) is > 0 and var total
        ? await CallsReport.MemoryAsync(database, total, cancellationToken)
        : await CallsReport.SpeedAsync(database, TimeSpan.FromSeconds(parsed.GetValue(callSeconds)), parsed.GetValue(clients)!, parsed.GetValue(against)!, cancellationToken), cancellationToken));

// What calls starts again in processes of their own.
var load = new Command(LoadGenerator.Command) { Hidden = true };
load.SetAction((_, cancellationToken) => LoadGenerator.RunAsync(cancellationToken));
var bare = new Command(BareEndpoint.Command) { Hidden = true };
bare.SetAction((_, _) => BareEndpoint.RunAsync());

var images = new Option<DirectoryInfo>("--images") { Description = "Where to draw", DefaultValueFactory = _ => new DirectoryInfo(Path.Combine("docs", "images")) };
var data = new Command("data", "Draws the charts of docs/sample-data.md from a seeded database") { images };
data.SetAction((parsed, cancellationToken) => RunAsync(parsed, shop, Zava.Database.Extensions.DatabaseName, async database =>
{
    var charts = await DataCharts.DrawAsync(database.Administrator, cancellationToken);
    foreach (var (file, svg) in charts)
        await File.WriteAllTextAsync(Path.Combine(parsed.GetValue(images)!.FullName, file), svg, cancellationToken);
    return (charts.Keys, true);
}, cancellationToken));

var file = new Option<FileInfo>("--file") { Description = "Where to write", DefaultValueFactory = _ => new FileInfo(Path.Combine("docs", "tools.md")) };
var docs = new Command("docs", "Writes docs/tools.md from the server itself") { file };
docs.SetAction(async (parsed, cancellationToken) => await File.WriteAllTextAsync(parsed.GetValue(file)!.FullName, await ToolReference.WriteAsync(), cancellationToken));

return await new RootCommand("Measures Zava; see docs/performance.md.") { isolation, calls, soak, seed, search, embed, data, docs, load, bare, json, folder }.Parse(args).InvokeAsync();

static string Overhead(double value) => value.ToString("+0 %;-0 %", CultureInfo.InvariantCulture);

static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

static string Tenth(double value) => value.ToString("N1", CultureInfo.InvariantCulture);

// Needs a PostgreSQL of its own, to crash.
async Task<int> KillAsync(ParseResult parsed, CancellationToken cancellationToken)
{
    var (workers, crashes) = (parsed.GetValue(kills), parsed.GetValue(restarts));
    if (workers + crashes == 0)
        return 0;
    var report = await AnsiConsole.Progress().StartAsync(progress =>
    {
        var task = progress.AddTask("Kills and crashes", maxValue: workers + crashes);
        return KillSoak.RunAsync(Path.GetFullPath(parsed.GetValue(folder)!.FullName), workers, crashes, products: 20_000, done => task.Value = done, cancellationToken);
    });
    AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture,
        $"{report.Kills:N0} workers killed, {report.Restarts:N0} crashes of PostgreSQL, {report.Edits:N0} edits, {report.Requests:N0} requests; {report.Products:N0} products with one embedding of their text each, but for {report.Faults:N0} faults.");
    return report.Faults == 0 ? 0 : 1;
}

async Task<int> RunAsync<T>(
    ParseResult parsed, SeedOptions? sampleData, string name, Func<BenchmarkDatabase, Task<(T Results, bool Holds)>> measure, CancellationToken cancellationToken)
{
    try
    {
        await using var database = await BenchmarkDatabase.StartAsync(Path.GetFullPath(parsed.GetValue(folder)!.FullName), sampleData, cancellationToken, name);
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
