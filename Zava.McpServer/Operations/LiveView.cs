using Microsoft.Extensions.Diagnostics.HealthChecks;
using Zava.McpServer.Search;

namespace Zava.McpServer.Operations;

/// <summary>What changes while one looks: state, embedding progress, tool calls.</summary>
sealed class LiveView(OperationsReader reader, HealthCheckService health, QueryEmbedder embedder, TimeProvider time)
{
    public async Task<Html> DrawAsync(Caller caller, CancellationToken cancellationToken)
    {
        var report = await health.CheckHealthAsync(cancellationToken);
        var state = Html.Of($"""
            <h2>State <small class="note">{time.GetUtcNow():yyyy-MM-dd HH:mm:ss} UTC</small></h2>
            <ul class="tiles">
            {report.Entries.Where(entry => entry.Key is not ("self" or "embedder")).Select(entry => Tile(NameOf(entry.Key), entry.Value.Status == HealthStatus.Healthy,
                entry.Value.Status == HealthStatus.Healthy ? "in order" : "not in order", entry.Value.Description ?? ""))}
            {Tile("Embedder", embedder.Answers, embedder.Answers ? "in order" : "does not answer", embedder.Answers ? embedder.Model.Name : "searches compare words alone")}
            """);
        if (report.Status == HealthStatus.Unhealthy)
            return Html.Of($"{state}</ul><p class=\"note\">The rest is shown when the database is in order.</p>");

        return await reader.UnlessLoadingAsync(caller, token => DrawAsync(caller, state, token), loading => Html.Of($"""
            {state}
            {Tile("Sample data", true, $"loading, {loading.Percent} %", $"scale {loading.Scale}")}
            </ul><p class="note">The tables of the shop are locked meanwhile; the rest is shown when they are loaded.</p>
            """), cancellationToken);
    }

    async Task<Html> DrawAsync(Caller caller, Html state, CancellationToken cancellationToken)
    {
        var (loaded, _) = await reader.ReadSampleDataAsync(caller, cancellationToken);
        var missing = await reader.ReadMissingMigrationsAsync(caller, cancellationToken);
        var progress = await reader.ReadProgressAsync(caller, cancellationToken);
        var calls = await ToolCallStatistics.ReadAsync(reader, caller, cancellationToken);
        var (waiting, dead) = (progress.Sum(store => store.Waiting), progress.Sum(store => store.Dead));
        return Html.Of($"""
            {state}
            {Tile("Migrations", missing.Count == 0, missing.Count == 0 ? "all have run" : $"{missing.Count} have not run", string.Join(", ", missing))}
            {Tile("Sample data", true, loaded is null ? "not loaded" : $"scale {loaded.Scale}", loaded is null ? "" : $"loaded {loaded.LoadedAt:yyyy-MM-dd HH:mm} UTC, sales to {loaded.AsOf:yyyy-MM-dd}")}
            {Tile("Queue", true, $"{waiting:N0} waiting", progress.Max(store => store.OldestWaitSeconds) is { } oldest ? $"the oldest for {oldest:N0} s" : "")}
            {Tile("Dead letters", dead == 0, $"{dead:N0}", dead == 0 ? "" : "./zava embeddings status says why")}
            </ul>
            <h2>Embeddings</h2>
            {Layout.Table("Embeddings by store and model", ["Store", "Model", "Progress", "#Embedded", "#Products", "#Waiting", "#Oldest", "#Dead"], progress.Select(Row))}
            {Calls(calls)}
            """);
    }

    static string NameOf(string check) => check switch
    {
        "database" => "Database login",
        "record" => "Record of calls",
        Database.Extensions.DatabaseName => "Database",
        _ => check,
    };

    static Html Tile(string name, bool isGood, string state, string detail) => Html.Of($"""
        <li>{name}<strong class="{(isGood ? "good" : "bad")}">{(isGood ? "" : "⚠ ")}{state}</strong><small>{detail}</small></li>
        """);

    static Html[] Row(OperationsReader.StoreProgress store) =>
    [
        Html.Of($"{store.StoreId}"), Html.Of($"{store.Model}{(store.IsActive ? "" : " (standby)")}"),
        Html.Of($"<progress value=\"{store.Embedded}\" max=\"{Math.Max(1, store.Products)}\" aria-label=\"Embedded of {store.StoreId}\"></progress>"),
        Html.Of($"{store.Embedded:N0}"), Html.Of($"{store.Products:N0}"), Html.Of($"{store.Waiting:N0}"),
        store.OldestWaitSeconds is { } oldest ? Html.Of($"{oldest:N0} s") : Html.Of($"–"), Html.Of($"{store.Dead:N0}"),
    ];

    static Html Calls(ToolCallStatistics calls)
    {
        static double? PerSecond(long count) => (double)count / ToolCallStatistics.SlotSeconds;
        const string From = "15 minutes ago";
        return Html.Of($"""
            <h2>Tool calls of the last 15 minutes</h2>
            <div class="charts">
            {new Chart("Calls per second", From, [("all", [.. calls.Slots.Select(slot => PerSecond(slot.Calls))]), ("not ok", [.. calls.Slots.Select(slot => PerSecond(slot.Errors))])]).Draw()}
            {new Chart("Duration in ms", From, [("median", [.. calls.Slots.Select(slot => slot.MedianMs)]), ("95 %", [.. calls.Slots.Select(slot => slot.P95Ms)])]).Draw()}
            </div>
            {Layout.Table("Calls by tool", ["Tool", "#Calls", "#Refused", "#Forbidden", "#Cancelled", "#Faults", "#Median ms", "#95 % ms", "#99 % ms"], calls.Tools.Select(tool => (Html[])
            [
                Html.Of($"{tool.Name}"), Html.Of($"{tool.Calls:N0}"), Html.Of($"{tool.Refused:N0}"), Html.Of($"{tool.Forbidden:N0}"), Html.Of($"{tool.Cancelled:N0}"),
                Html.Of($"{tool.Faults:N0}"), Html.Of($"{tool.MedianMs:N1}"), Html.Of($"{tool.P95Ms:N1}"), Html.Of($"{tool.P99Ms:N1}"),
            ]))}
            """);
    }
}
