using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>What a caller of Seattle learns of Redmond from the queue, the dead letters and the vectors kept for reuse: nothing.</summary>
public sealed class EmbeddingQueueIsolationTests(TwoStores stores) : IClassFixture<TwoStores>, IAsyncLifetime
{
    public async ValueTask InitializeAsync()
    {
        await stores.Database.ExecuteAsync("""
            INSERT INTO retail.embedding_queue (store_id, product_id, embedding_model, last_error, trace_id, dead_since)
            SELECT store_id, product_id, 'universal-sentence-encoder-lite', 'Secret of ' || store_id, repeat('a', 32), now() FROM retail.products WHERE sku LIKE 'SECRET-%'
            ON CONFLICT DO NOTHING
            """);
        await stores.Database.ExecuteAsync("""
            INSERT INTO retail.replaced_embeddings (store_id, embedding_model, text_version, text_hash, embedding)
            SELECT store_id, embedding_model, 1, text_hash, embedding FROM retail.product_embeddings ON CONFLICT DO NOTHING
            """);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_store_reads_its_own_rows_of_the_queue_and_no_others()
    {
        await using var connection = await stores.OpenAsync(StoreSet.Of("seattle"));
        Assert.Equal("seattle 1 ", await connection.ReadAllAsync("SELECT store_id, count(*) FROM retail.embedding_queue GROUP BY store_id"));
        await using var none = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0L, await none.ScalarAsync("SELECT count(store_id) FROM retail.embedding_queue"));
    }

    [Theory]
    [InlineData("SELECT last_error FROM retail.embedding_queue")]
    [InlineData("SELECT trace_id FROM retail.embedding_queue")]
    [InlineData("SELECT attempts, claim_id FROM retail.embedding_queue")]
    [InlineData("SELECT * FROM retail.embedding_queue")]
    [InlineData("SELECT q FROM retail.embedding_queue q")]
    [InlineData("DELETE FROM retail.embedding_queue")]
    [InlineData("UPDATE retail.embedding_queue SET dead_since = NULL")]
    [InlineData("INSERT INTO retail.embedding_queue (store_id, product_id, embedding_model) SELECT store_id, product_id, 'text-embedding-3-small' FROM retail.products")]
    [InlineData("SELECT store_id FROM retail.replaced_embeddings")]
    [InlineData("SELECT retail.embedding_text_hash('Secret of redmond')")]
    [InlineData("SET ROLE zava_maintenance")]
    public async Task What_is_for_operators_and_workers_is_refused(string sql)
    {
        await using var connection = await stores.OpenAsync(StoreSet.Of("seattle"));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ReadAllAsync(sql));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        Assert.DoesNotContain("Secret of redmond", $"{refused.MessageText} {refused.Detail}");
    }
}
