using ModelContextProtocol;
using Zava.Database;
using Zava.McpServer.Tools;
using Zava.Tests.Infrastructure;
using Zava.Tests.Isolation;

namespace Zava.Tests.Mcp;

/// <summary>What a store is told of its own embeddings, and what it can learn of another's.</summary>
public sealed class EmbeddingToolsTests(TwoStores stores) : IClassFixture<TwoStores>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    EmbeddingTools Tools => new(new TenantDatabase(stores.Database.As(DatabaseRole.Application), stores.Sealer));

    async Task<string> StatusAsync(params string[] own)
    {
        var status = await Tools.GetStatusAsync(user: SalesShop.Of(own), cancellationToken: Cancellation);
        return string.Join("; ", status.Stores.Select(store => $"{store.StoreId}: {store.Embedded} of {store.ActiveProducts}, {store.Waiting} wait, {store.Dead} dead"));
    }

    [Fact]
    public async Task A_store_counts_its_own_products_and_queue_and_nobody_elses()
    {
        Assert.Equal("seattle: 1 of 1, 0 wait, 0 dead", await StatusAsync("seattle"));
        var current = await Tools.GetStatusAsync("seattle", SalesShop.Of("seattle"), Cancellation);
        Assert.Equal(("universal-sentence-encoder-lite", null), (current.ActiveModel, current.Stores[0].OldestWaitSeconds));
        Assert.StartsWith("Search is current", current.Note);

        await stores.Database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price, is_active) VALUES ('redmond', 'N1', 'New', 1, TRUE), ('redmond', 'N2', 'Newer', 1, FALSE), ('redmond', 'N3', 'Poison', 1, TRUE)");
        await stores.Database.ExecuteAsync("UPDATE retail.embedding_queue SET enqueued_at = now() - interval '10 minutes', dead_since = CASE WHEN product_id = (SELECT product_id FROM retail.products WHERE sku = 'N3') THEN now() END, last_error = 'TELLTALE'");
        Assert.Equal("seattle: 1 of 1, 0 wait, 0 dead", await StatusAsync("seattle"));
        Assert.Equal("redmond: 1 of 3, 2 wait, 1 dead", await StatusAsync("redmond"));
        Assert.Equal("redmond: 1 of 3, 2 wait, 1 dead; seattle: 1 of 1, 0 wait, 0 dead", await StatusAsync("seattle", "redmond"));
        var redmond = await Tools.GetStatusAsync("redmond", SalesShop.Of("redmond"), Cancellation);
        Assert.InRange(redmond.Stores[0].OldestWaitSeconds!.Value, 590, 700);
        Assert.DoesNotContain("TELLTALE", System.Text.Json.JsonSerializer.Serialize(redmond));
        await Assert.ThrowsAnyAsync<McpException>(() => Tools.GetStatusAsync("redmond", SalesShop.Of("seattle"), Cancellation));
    }

    [Fact]
    public async Task Only_head_office_sees_the_tool_and_may_call_it()
    {
        await using var server = await RunningServer.StartAsync(stores.Database);
        await using var manager = await server.ConnectAsync(server.TokenOf("seattle-manager"));
        Assert.DoesNotContain("get_embedding_status", (await manager.ListToolsAsync(cancellationToken: Cancellation)).Select(tool => tool.Name));
        await using var office = await server.ConnectAsync(server.TokenOf("head-office"));
        var answer = await office.CallToolAsync("get_embedding_status", new Dictionary<string, object?>(), cancellationToken: Cancellation);
        Assert.NotEqual(true, answer.IsError);
        Assert.Equal(4, answer.StructuredContent!.Value.GetProperty("stores").GetArrayLength());
    }
}
