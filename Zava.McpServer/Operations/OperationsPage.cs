using System.Security.Claims;
using Npgsql;
using Zava.McpServer.Errors;

namespace Zava.McpServer.Operations;

/// <summary>The page of whoever looks after the system.</summary>
sealed class OperationsPage(OperationsReader reader, LiveView live, SearchView search, MonitoringView monitoring, ILogger<OperationsPage> logger)
{
    public async Task<IResult> ShowAsync(ClaimsPrincipal user, string? query, string? store, CancellationToken cancellationToken)
    {
        var caller = Caller.Require(user);
        return Layout.Page("Operations", Html.Of($"""
            <header>
            <h1>Zava operations</h1>
            <p>{caller.User} · {(caller.Stores.IsEvery ? "every store" : string.Join(", ", caller.Stores.Names))}</p>
            <p id="following" hidden><label><input type="checkbox" role="switch" id="follow" checked>refresh every 2 s</label></p>
            </header>
            <main>
            <p id="freshness" role="status"></p>
            {await ShownAsync(async () => await search.DrawAsync(user, await reader.ReadStoresAsync(caller, cancellationToken), query, store, cancellationToken))}
            <section id="live" aria-label="Live">{await LiveAsync(user, cancellationToken)}</section>
            {await ShownAsync(() => RestAsync(caller, cancellationToken))}
            </main>
            """), "operations.js");
    }

    public Task<Html> LiveAsync(ClaimsPrincipal user, CancellationToken cancellationToken) =>
        ShownAsync(() => live.DrawAsync(Caller.Require(user), cancellationToken));

    async Task<Html> RestAsync(Caller caller, CancellationToken cancellationToken)
    {
        var sizes = await reader.ReadSizesAsync(caller, cancellationToken);
        var audit = await reader.ReadAuditAsync(caller, cancellationToken);
        return Html.Of($"""
            <h2>Stores</h2>
            {Layout.Table("Stores", ["Store", "Name", "#Products", "#Customers", "#Receipts", "#Embeddings"], sizes.Select(store => (Html[])
            [
                Html.Of($"{store.StoreId}"), Html.Of($"{store.Name}"), Html.Of($"{store.Products:N0}"), Html.Of($"{store.Customers:N0}"),
                Html.Of($"{store.Sales:N0}"), Html.Of($"{store.Embeddings:N0}"),
            ]))}
            <h2>Newest audit entries</h2>
            {Layout.Table("Newest audit entries", ["When (UTC)", "Store", "Table", "Action", "By", "Tool"], audit.Select(entry => (Html[])
            [
                Html.Of($"{entry.At.ToUniversalTime():yyyy-MM-dd HH:mm:ss}"), Html.Of($"{entry.StoreId ?? "–"}"), Html.Of($"{entry.Table}"), Html.Of($"{entry.Action}"),
                Html.Of($"{entry.By}"), Html.Of($"{entry.Tool ?? "–"}"),
            ]))}
            <h2>Monitoring views</h2>
            {await monitoring.DrawAsync(caller, cancellationToken)}
            """);
    }

    // A database that is away is what one comes to this page to see.
    async Task<Html> ShownAsync(Func<Task<Html>> draw)
    {
        try
        {
            return await draw();
        }
        catch (NpgsqlException failed)
        {
            if (DatabaseError.Explain(failed) is { } explained)
                return Html.Of($"<p role=\"alert\">{explained}</p>");
            logger.LogError(failed, "A part of the operations page could not be read");
            return Html.Of($"<p role=\"alert\">This part could not be read; the server's log says why.</p>");
        }
    }
}
