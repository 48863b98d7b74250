using Npgsql;
using Pgvector;
using Zava.Database;
using Zava.Embeddings;
using Zava.EmbeddingWorker;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Worker;

/// <summary>The queue: what enters it, who may claim it, and what becomes of a claim.</summary>
public sealed class EmbeddingQueueTests(DatabaseTemplate template) : IAsyncLifetime
{
    static readonly EmbeddingModel Model = new(UniversalSentenceEncoder.ModelId, 512);

    TestDatabase _database = null!;
    EmbeddingQueue _queue = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await template.CreateDatabaseAsync();
        _queue = new(_database.As(DatabaseRole.Worker), Model);
        Assert.Equal("active", await _queue.RegisterModelAsync(Cancellation));
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task AddAsync(string sku, string store = "seattle") => _database.ExecuteAsync(
        "INSERT INTO retail.products (store_id, sku, product_name, product_description, tags, price) VALUES ($1, $2, 'Mug', 'Keeps coffee hot.', '{travel}', 1)", store, sku);

    Task<long> QueuedAsync() => _database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue");

    Task<List<ClaimedText>> ClaimAsync(Guid claim, int count = 10) => _queue.ClaimAsync(claim, count, TimeSpan.FromMinutes(1), Cancellation);

    Task<int> CompleteAsync(Guid claim, IEnumerable<ClaimedText> claimed, float value = 1) => _queue.CompleteAsync(
        claim, [.. claimed.Select(text => (text, new HalfVector(Enumerable.Repeat((Half)value, 512).ToArray())))], Cancellation);

    [Fact]
    public async Task A_new_product_is_queued_with_its_text()
    {
        await AddAsync("A");
        var claimed = Assert.Single(await ClaimAsync(Guid.NewGuid()));
        Assert.Equal("Mug. Keeps coffee hot. travel", claimed.Text);
    }

    [Fact]
    public async Task A_change_wakes_listening_workers_and_tells_nothing_else()
    {
        await using var listener = await _database.As(DatabaseRole.Worker).OpenConnectionAsync(Cancellation);
        await listener.ExecuteAsync($"LISTEN {EmbeddingQueue.Channel}");
        var heard = new TaskCompletionSource<string>();
        listener.Notification += (_, notification) => heard.TrySetResult($"{notification.Channel}:{notification.Payload}");
        await AddAsync("A");
        Assert.True(await listener.WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
        Assert.Equal("embedding_queue:", await heard.Task);
    }

    [Theory]
    [InlineData("price = 2, current_stock = 5, updated_at = now()", 0)]
    [InlineData("product_name = 'Mug'", 0)]
    [InlineData("product_name = 'Cup'", 1)]
    [InlineData("product_description = 'Keeps tea hot.'", 1)]
    [InlineData("tags = '{office}'", 1)]
    [InlineData("product_description = NULL", 1)]
    public async Task Only_a_change_of_the_embedded_text_queues_a_product(string change, long queued)
    {
        await AddAsync("A");
        await _database.ExecuteAsync("DELETE FROM retail.embedding_queue");
        await _database.ExecuteAsync($"UPDATE retail.products SET {change}");
        Assert.Equal(queued, await QueuedAsync());
    }

    [Fact]
    public async Task A_completed_claim_leaves_one_embedding_and_an_empty_queue()
    {
        await AddAsync("A");
        await AddAsync("A", "redmond");
        var claim = Guid.NewGuid();
        var claimed = await ClaimAsync(claim);
        Assert.Equal(2, await CompleteAsync(claim, claimed));
        Assert.Equal(0, await QueuedAsync());
        Assert.Equal(2L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings e JOIN retail.products USING (store_id, product_id) WHERE vector_dims(embedding) = 512"));
    }

    [Fact]
    public async Task Two_workers_claim_different_rows_and_a_lease_that_ran_out_is_claimed_again()
    {
        for (var number = 0; number < 6; number++)
            await AddAsync($"S{number}");
        var first = await ClaimAsync(Guid.NewGuid(), 4);
        var second = await ClaimAsync(Guid.NewGuid(), 4);
        Assert.Equal(4, first.Count);
        Assert.Equal(2, second.Count);
        Assert.Empty(first.Select(text => text.ProductId).Intersect(second.Select(text => text.ProductId)));
        Assert.Empty(await ClaimAsync(Guid.NewGuid()));

        await _database.ExecuteAsync("UPDATE retail.embedding_queue SET available_at = now() - interval '1 second'");
        Assert.Equal(6, (await ClaimAsync(Guid.NewGuid())).Count);
    }

    [Fact]
    public async Task An_edit_during_a_claim_drops_the_older_result_and_stays_queued()
    {
        await AddAsync("A");
        var claim = Guid.NewGuid();
        var claimed = await ClaimAsync(claim);
        await _database.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup'");
        Assert.Equal(0, await CompleteAsync(claim, claimed));
        Assert.StartsWith("Cup", Assert.Single(await ClaimAsync(Guid.NewGuid())).Text);
    }

    [Fact]
    public async Task A_worker_that_lost_its_lease_cannot_overwrite_what_came_after_it()
    {
        await AddAsync("A");
        var (slow, quick) = (Guid.NewGuid(), Guid.NewGuid());
        var old = await ClaimAsync(slow);
        await _database.ExecuteAsync("UPDATE retail.embedding_queue SET available_at = now() - interval '1 second'");
        var claimed = await ClaimAsync(quick);
        Assert.Equal(1, await CompleteAsync(quick, claimed, 2));
        await _database.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup'");
        Assert.Equal(0, await CompleteAsync(slow, old));
        Assert.Equal(1, await QueuedAsync());
    }

    [Fact]
    public async Task A_removed_product_takes_its_queue_row_and_embedding_with_it()
    {
        await AddAsync("A");
        var claim = Guid.NewGuid();
        var claimed = await ClaimAsync(claim);
        await CompleteAsync(claim, claimed);
        await _database.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup'");
        await _database.ExecuteAsync("DELETE FROM retail.products");
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT (SELECT count(*) FROM retail.embedding_queue) + (SELECT count(*) FROM retail.product_embeddings)"));
    }

    [Fact]
    public async Task A_refused_text_pauses_keeps_the_reason_and_is_a_dead_letter_at_the_last_attempt()
    {
        await AddAsync("A");
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            var claim = Guid.NewGuid();
            var claimed = await ClaimAsync(claim);
            Assert.Equal(attempt == 2 ? 1 : 0, await _queue.RefuseAsync(claim, [(Assert.Single(claimed), "no")], 2, Cancellation));
            Assert.Empty(await ClaimAsync(Guid.NewGuid()));
            Assert.Equal($"no after {attempt}", await _database.ScalarAsync<string>("SELECT last_error || ' after ' || attempts FROM retail.embedding_queue WHERE available_at > now() + interval '1 second'"));
            await _database.ExecuteAsync("UPDATE retail.embedding_queue SET available_at = now() - interval '1 second'");
        }
        Assert.Empty(await ClaimAsync(Guid.NewGuid()));

        // Another text is another chance.
        await _database.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup'");
        Assert.Single(await ClaimAsync(Guid.NewGuid()));
        Assert.Equal(0, await _database.ScalarAsync<int>("SELECT attempts FROM retail.embedding_queue WHERE dead_since IS NULL AND last_error IS NULL"));
    }

    [Fact]
    public async Task A_claim_that_is_given_back_is_claimed_again_at_once()
    {
        await AddAsync("A");
        var stopped = Guid.NewGuid();
        await ClaimAsync(stopped);
        Assert.Equal(1, await _queue.ReleaseAsync(stopped, null, Cancellation));
        Assert.Single(await ClaimAsync(Guid.NewGuid()));
    }

    [Theory]
    [InlineData(511, 1f, "511 dimensions; 'universal-sentence-encoder-lite' has 512")]
    [InlineData(512, 0f, "zeros")]
    [InlineData(512, float.NaN, "not finite")]
    [InlineData(512, 1e30f, "not finite")]
    public void A_vector_that_is_none_is_refused(int length, float value, string reason)
    {
        var (vector, problem) = VectorCheck.Read(Enumerable.Repeat(value, length).ToArray(), Model);
        Assert.Null(vector);
        Assert.Contains(reason, problem);
    }

    [Fact]
    public async Task A_row_that_an_editor_holds_is_left_to_the_editor()
    {
        await AddAsync("A");
        await AddAsync("B");
        var claim = Guid.NewGuid();
        var claimed = await ClaimAsync(claim);
        await using var editor = await _database.As(null).OpenConnectionAsync(Cancellation);
        await editor.ExecuteAsync("BEGIN");
        await editor.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup' WHERE sku = 'B'");
        Assert.Equal(1, await CompleteAsync(claim, claimed));
        await editor.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup' WHERE sku = 'A'");
        await editor.ExecuteAsync("COMMIT");
        Assert.All(await ClaimAsync(Guid.NewGuid()), text => Assert.StartsWith("Cup", text.Text));
    }

    [Fact]
    public async Task A_product_that_was_added_across_a_change_of_model_is_found()
    {
        await using var seller = await _database.As(null).OpenConnectionAsync(Cancellation);
        await seller.ExecuteAsync("BEGIN");
        await seller.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'A', 'Mug', 1)");
        var other = new EmbeddingQueue(_database.As(DatabaseRole.Worker), new("text-embedding-3-small", 1536));
        Assert.Equal("inactive", await other.RegisterModelAsync(Cancellation));
        Assert.Equal(0, await other.EnqueueMissingAsync(Cancellation));
        await _database.ExecuteAsync("UPDATE retail.embedding_models SET state = 'standby' WHERE embedding_model = 'text-embedding-3-small'");
        Assert.Equal(0, await other.EnqueueMissingAsync(Cancellation));
        await seller.ExecuteAsync("COMMIT");
        Assert.Equal(1, await other.EnqueueMissingAsync(Cancellation));
    }

    [Fact]
    public async Task An_endless_text_is_cut()
    {
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, product_description, price) VALUES ('seattle', 'A', 'Mug', repeat('x', 2000000), 1)");
        Assert.Equal(8000, Assert.Single(await ClaimAsync(Guid.NewGuid())).Text.Length);
    }

    [Fact]
    public async Task A_known_model_with_other_dimensions_is_refused() =>
        Assert.Contains("512 dimensions, but 256", (await Assert.ThrowsAsync<DatabaseSetupException>(() =>
            new EmbeddingQueue(_database.As(DatabaseRole.Worker), Model with { Dimensions = 256 }).RegisterModelAsync(Cancellation))).Message);

    [Fact]
    public async Task The_worker_login_sees_no_customer_no_sale_and_no_price()
    {
        await AddAsync("A");
        await using var connection = await _database.As(DatabaseRole.Worker).OpenConnectionAsync(Cancellation);
        foreach (var sql in (string[])["SELECT count(*) FROM retail.customers", "SELECT count(*) FROM retail.sales_transactions",
            "SELECT price FROM retail.products", "UPDATE retail.products SET product_name = 'x'", "UPDATE retail.embedding_queue SET store_id = 'redmond'",
            "UPDATE retail.product_embeddings SET product_id = gen_random_uuid()", "DELETE FROM retail.product_embeddings", "SELECT count(*) FROM retail.audit_log",
            "SELECT count(*) FROM retail.context_keys", "SELECT retail.set_store_context('x')"])
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => connection.ReadAllAsync(sql))).SqlState);
    }
}
