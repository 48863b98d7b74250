using System.Security.Claims;
using ModelContextProtocol;
using Npgsql;
using Zava.McpServer.Audit;
using Zava.McpServer.Errors;
using Zava.McpServer.Identity;
using Zava.McpServer.Search;

namespace Zava.McpServer.Operations;

/// <summary>What an agent would find in each store, and why.</summary>
sealed class SearchView(ProductSearch search, ToolCallRecorder recorder, TimeProvider time, ILogger<SearchView> logger)
{
    const int PerStore = 5, Stores = 12, Longest = 200;

    /// <param name="user">Whose stores are searched; without the scope catalog.read none is.</param>
    /// <param name="stores">The stores that the user sees.</param>
    /// <param name="query">What is looked for; <c>null</c> when nothing is yet.</param>
    /// <param name="store">Only this store.</param>
    /// <param name="cancellationToken">Cancels the search.</param>
    public async Task<Html> DrawAsync(ClaimsPrincipal user, IReadOnlyList<string> stores, string? query, string? store, CancellationToken cancellationToken) => Html.Of($"""
        <section aria-labelledby="search-title">
        <h2 id="search-title">What an agent finds</h2>
        {(Scopes.Has(user, Scopes.CatalogRead)
            ? Html.Of($"{Form(stores, query, store)}{(query is null ? Html.Empty : await ResultsAsync(Caller.Require(user), stores, query, store, cancellationToken))}")
            : Html.Of($"<p>Searching needs the scope {Scopes.CatalogRead} too.</p>"))}
        </section>
        """);

    static Html Form(IReadOnlyList<string> stores, string? query, string? chosen) => Html.Of($"""
        <form method="post" action="/" class="search" role="search">
        <label>Looked for<input type="search" name="query" value="{query}" maxlength="{Longest}" required placeholder="something to keep my coffee hot"></label>
        <label>Store<select name="store"><option value="">all</option>{stores.Select(store => store == chosen
            ? Html.Of($"<option selected>{store}</option>")
            : Html.Of($"<option>{store}</option>"))}</select></label>
        <button>Search</button>
        </form>
        """);

    async Task<Html> ResultsAsync(Caller caller, IReadOnlyList<string> stores, string query, string? chosen, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(query) || query.Length > Longest || query.Contains('\0'))
            return Html.Of($"<p role=\"alert\">Looked for: {query.Length} characters were sent. Allowed: 1 to {Longest}, not only spaces.</p>");
        var parts = new List<Html>();
        foreach (var store in string.IsNullOrEmpty(chosen) ? stores.Take(Stores) : [chosen])
            parts.Add(await OfStoreAsync(caller, store, query, cancellationToken));
        if (string.IsNullOrEmpty(chosen) && stores.Count > Stores)
            parts.Add(Html.Of($"<p class=\"note\">The first {Stores} of {stores.Count} stores were searched; choose one for another.</p>"));
        return Html.Of($"""
            {parts.AsEnumerable()}
            <p class="note">The score is the similarity of the meanings (a cosine) and, on top of it, up to 0.4 for words of the query that the product has; without
            an embedding, of words alone. A weak match is one that unrelated products reach as well.</p>
            """);
    }

    async Task<Html> OfStoreAsync(Caller caller, string store, string query, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        try
        {
            var found = await search.SearchAsync(caller.For(OperationsReader.Operation, store), query, new ProductFilter(), "relevance", PerStore, minimumSimilarity: null, cancellationToken);
            recorder.Record(OperationsReader.Operation, caller, store, ToolOutcome.Ok, found.Products.Count, started);
            return Html.Of($"""
                <h3>{store}</h3>
                {(found.ByMeaning ? Html.Empty : Html.Of($"<p role=\"alert\">The embedder does not answer: words alone were compared.</p>"))}
                {(found.ReadAs is { } readAs ? Html.Of($"<p>Read as “{readAs}”.</p>") : Html.Empty)}
                {Layout.Table($"Found in {store}", ["Product", "SKU", "Brand", "#Similarity", "#Words", "#Score", "Match"], found.Products.Select(Row))}
                """);
        }
        catch (McpException refused)
        {
            recorder.Record(OperationsReader.Operation, caller, null, ToolOutcome.Refused, rows: null, started);
            return Html.Of($"<p role=\"alert\">{refused.Message}</p>");
        }
        catch (NpgsqlException failed)
        {
            recorder.Record(OperationsReader.Operation, caller, store, ToolOutcome.Fault, rows: null, started);
            if (DatabaseError.Explain(failed) is not { } explained)
            {
                logger.LogError(failed, "A search of the operations page failed");
                explained = "The search failed; the server's log says why.";
            }
            return Html.Of($"<p role=\"alert\">{store}: {explained}</p>");
        }
    }

    static Html[] Row(ProductMatch match) =>
    [
        Html.Of($"{match.ProductName}"), Html.Of($"{match.Sku}"), Html.Of($"{match.Brand}"),
        match.SimilarityScore is { } similarity ? Html.Of($"{similarity:0.000}") : Html.Of($"–"),
        Html.Of($"+{Math.Max(0, match.Score - (match.SimilarityScore ?? 0)):0.000}"), Html.Of($"{match.Score:0.000}"),
        match.IsWeakMatch ? Html.Of($"<span class=\"bad\">weak</span>") : Html.Of($"<span class=\"good\">good</span>"),
    ];
}
