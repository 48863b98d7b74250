using System.Security.Claims;
using Npgsql;
using Zava.McpServer.Errors;

namespace Zava.McpServer.Operations;

/// <summary>The page of whoever looks after the system.</summary>
sealed class OperationsPage(OperationsReader reader, LiveView live, SearchView search, SlowView slow, TimeProvider time, ILogger<OperationsPage> logger)
{
    // Who has just done something wants to see it; what is fetched again and again, by many, need not be that new.
    static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2), Polled = TimeSpan.FromSeconds(15);

    readonly SharedDrawing _live = new(time), _slow = new(time);

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
            {await ShownAsync(() => reader.UnlessLoadingAsync(
                caller, async token => await search.DrawAsync(user, await reader.ReadStoresAsync(caller, token), query, store, token),
                _ => Html.Of($"<p class=\"note\">The search box is here when the sample data is loaded: reload the page then.</p>"), cancellationToken))}
            <section id="live" aria-label="Live" data-from="/operations/live" data-seconds="2">{await LiveAsync(user, cancellationToken)}</section>
            <section aria-label="Stores, audit, monitoring" data-from="/operations/slow" data-seconds="30">{await SlowAsync(caller, Fresh, cancellationToken)}</section>
            </main>
            """), "operations.js");
    }

    public Task<Html> LiveAsync(ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var caller = Caller.Require(user);
        return ShownAsync(() => _live.DrawAsync(caller, Fresh, token => live.DrawAsync(caller, token), cancellationToken));
    }

    public Task<Html> SlowAsync(ClaimsPrincipal user, CancellationToken cancellationToken) => SlowAsync(Caller.Require(user), Polled, cancellationToken);

    Task<Html> SlowAsync(Caller caller, TimeSpan age, CancellationToken cancellationToken) => ShownAsync(() => _slow.DrawAsync(
        caller, age, token => reader.UnlessLoadingAsync(caller, read => slow.DrawAsync(caller, read), _ => Html.Empty, token), cancellationToken));

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
