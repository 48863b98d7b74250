using System.Diagnostics;
using Zava.Benchmarks;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.Tests.Infrastructure;
using Zava.Tests.Isolation;
using Zava.Tests.Worker;

namespace Zava.Tests.Telemetry;

/// <summary>One trace leads from a request to what it made of the database, and says which tool, store and pseudonymous user it was.</summary>
public sealed class TraceTreeTests(DatabaseTemplate template)
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_search_is_one_trace_from_the_request_through_tool_search_and_embedding_to_SQL()
    {
        await using var stores = new TwoStores(template);
        await stores.InitializeAsync();
        using var recorded = new RecordedTelemetry();
        await using var server = await RunningServer.StartAsync(stores.Database, recorded.Traces, recorded.Configure);
        var trace = await recorded.TraceAsync(() => SearchAsync(server, "seattle-manager"));

        var tool = Assert.Single(trace, span => span.DisplayName == "tools/call semantic_search_products");
        Assert.Equal("Microsoft.AspNetCore", ParentOf(tool).Source.Name);
        var search = Assert.Single(trace, span => span.DisplayName == "search products");
        Assert.Same(tool, ParentOf(search));
        Assert.Same(search, ParentOf(Assert.Single(trace, span => span.Source.Name == "Experimental.Microsoft.Extensions.AI")));
        var sql = trace.Where(span => span.Source.Name == "Npgsql").ToList();
        Assert.NotEmpty(sql);
        Assert.All(sql, span => Assert.Same(search, ParentOf(span)));
        Assert.Contains(sql, span => Equals(span.GetTagItem("db.npgsql.data_source"), "retail_db"));

        Assert.Equal(("semantic_search_products", "seattle", "ok"), (tool.GetTagItem("zava.tool"), tool.GetTagItem("zava.store_id"), tool.GetTagItem("zava.outcome")));
        Assert.Equal("meaning_and_words", search.GetTagItem("zava.search.way"));
        Assert.Equal(1, search.GetTagItem("zava.search.results"));
        // The same for the same user, another for another, and neither the name nor its plain hash.
        var pseudonym = Assert.IsType<string>(tool.GetTagItem("enduser.pseudo.id"));
        Assert.Matches("^[0-9a-f]{16}$", pseudonym);
        Assert.Equal(pseudonym, await PseudonymAsync("seattle-manager"));
        Assert.NotEqual(pseudonym, await PseudonymAsync("redmond-manager"));
        Assert.DoesNotContain(pseudonym, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("seattle.manager@zava.example"u8)));

        Assert.Contains("zava.tool.calls zava.tool=semantic_search_products zava.outcome=ok", recorded.Measurements);
        Assert.Contains("zava.tool.duration zava.tool=semantic_search_products", recorded.Measurements);
        Assert.Contains("zava.search.duration zava.search.way=meaning_and_words", recorded.Measurements);

        Activity ParentOf(Activity child) => trace.Single(span => span.SpanId == child.ParentSpanId);

        async Task<string?> PseudonymAsync(string persona) => (await recorded.TraceAsync(() => SearchAsync(server, persona)))
            .Single(span => span.DisplayName == "tools/call semantic_search_products").GetTagItem("enduser.pseudo.id") as string;
    }

    [Fact]
    public async Task A_product_edit_is_one_trace_from_the_caller_through_the_queue_to_the_stored_vector()
    {
        await using var database = await template.CreateDatabaseAsync();
        await using var service = await EmbeddingService.StartAsync(RunningWorker.Dimensions, TimeSpan.Zero, Cancellation);
        await new EmbeddingQueue(database.As(DatabaseRole.Worker), new(RunningWorker.Model, RunningWorker.Dimensions)).RegisterModelAsync(Cancellation);
        await database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'EDIT', 'Mug', 1)");
        await using var worker = await RunningWorker.StartAsync(database, service);
        await Eventually.EqualAsync(1L, () => database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));

        await using var source = RetailDataSource.Create(database.ConnectionString(DatabaseRole.Application));
        var tenant = new TenantDatabase(source, new(database.Key, TimeProvider.System));
        using var request = new Activity("edit").SetIdFormat(ActivityIdFormat.W3C).Start();
        request.ActivityTraceFlags = ActivityTraceFlags.Recorded;
        await tenant.WriteAsync(new(StoreSet.Of("seattle"), "editor@example.com", "edit_product"),
            new("UPDATE retail.products SET product_name = 'Cup TELLTALE' WHERE sku = 'EDIT' RETURNING 1"), row => row.GetInt32(0), Cancellation);
        var trace = request.TraceId;
        request.Stop();

        await Eventually.EqualAsync(1L, () => database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings WHERE embedding_text LIKE $1", "Cup TELLTALE%"));
        await Eventually.EqualAsync(true, () => Task.FromResult(worker.Spans.Any(IsEdit)));
        var embedded = worker.Spans.Single(IsEdit);
        Assert.Equal(("seattle", 1, RunningWorker.Model), (embedded.GetTagItem("zava.store_id"), embedded.GetTagItem("zava.products"), embedded.GetTagItem("zava.embedding_model")));
        // The batch that it links to leads on to the provider and to SQL.
        var batch = Assert.Single(embedded.Links).Context.SpanId;
        await Eventually.EqualAsync(true, () => Task.FromResult(worker.Spans.Any(span => span.SpanId == batch)));
        Assert.Contains(worker.Spans, span => span.ParentSpanId == batch && span.Source.Name == "Npgsql");
        Assert.DoesNotContain("TELLTALE", string.Join('\n', [.. worker.Spans.Select(RecordedTelemetry.Describe), .. worker.Log.Entries]));

        bool IsEdit(Activity span) => span.TraceId == trace && span.DisplayName == "embed changed products";
    }

    internal static async Task SearchAsync(RunningServer server, string persona)
    {
        var answer = await server.AskAsync(server.TokenOf(persona), "tools/call", """{"name":"semantic_search_products","arguments":{"query":"secret"}}""");
        Assert.StartsWith("no error", RawMcp.ErrorOf(answer));
    }
}
