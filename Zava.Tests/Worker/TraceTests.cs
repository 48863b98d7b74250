using System.Diagnostics;
using Zava.Benchmarks;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Worker;

/// <summary>One trace leads from the change of a product to its stored vector.</summary>
public sealed class TraceTests(DatabaseTemplate template)
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_trace_of_a_change_has_a_span_that_links_to_the_batch_and_a_bulk_load_has_none()
    {
        await using var database = await template.CreateDatabaseAsync();
        await using var service = await EmbeddingService.StartAsync(RunningWorker.Dimensions, TimeSpan.Zero, Cancellation);
        await new EmbeddingQueue(database.As(DatabaseRole.Worker), new(RunningWorker.Model, RunningWorker.Dimensions)).RegisterModelAsync(Cancellation);
        await database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) SELECT 'seattle', n::text, 'Mug ' || n, 1 FROM generate_series(1, 5) n");

        ActivityTraceId changed;
        using (var request = new Activity("change").SetIdFormat(ActivityIdFormat.W3C).Start())
        {
            changed = request.TraceId;
            await using var connection = await database.As(DatabaseRole.Application).OpenConnectionAsync(Cancellation);
            await connection.ExecuteAsync("BEGIN");
            await connection.ScalarAsync("SELECT retail.set_store_context($1)",
                new ContextSealer(database.Key, TimeProvider.System).Seal(new(StoreSet.Of("seattle"), "editor@example.com", "test"), connection.ProcessID));
            await connection.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup' WHERE sku IN ('1', '2')");
            await connection.ExecuteAsync("COMMIT");
        }

        Assert.Equal(2L, await database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue WHERE trace_id = $1", changed.ToHexString()));
        await using var worker = await RunningWorker.StartAsync(database, service);
        await Eventually.EqualAsync(5L, () => database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));
        await Eventually.EqualAsync(1, () => Task.FromResult(worker.Spans.Count(span => span.DisplayName == "embed products")));
        var batch = worker.Spans.Single(span => span.DisplayName == "embed products");
        var embedded = worker.Spans.Single(span => span.DisplayName == "embed changed products");
        Assert.Equal((changed, 2), (embedded.TraceId, embedded.GetTagItem("zava.products")));
        Assert.Equal(batch.SpanId, Assert.Single(embedded.Links).Context.SpanId);
        Assert.NotEqual(changed, batch.TraceId);
    }
}
