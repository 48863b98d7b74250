using Npgsql;
using Pgvector;
using Zava.Database;
using Zava.Embeddings;
using Zava.EmbeddingWorker;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Worker;

/// <summary>The rules of docs/embedding-pipeline.md, one by one.</summary>
public sealed class QueueSemanticsTests(DatabaseTemplate template) : IAsyncLifetime
{
    static readonly EmbeddingModel Model = new(UniversalSentenceEncoder.ModelId, 512);

    TestDatabase _database = null!;
    EmbeddingQueue _queue = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await template.CreateDatabaseAsync();
        _queue = new(_database.As(DatabaseRole.Worker), Model);
        await _queue.RegisterModelAsync(Cancellation);
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'A', 'Mug', 1)");
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task<List<ClaimedText>> ClaimAsync(Guid claim, double seconds = 60) => _queue.ClaimAsync(claim, 10, TimeSpan.FromSeconds(seconds), Cancellation);

    Task<int> CompleteAsync(Guid claim, IEnumerable<ClaimedText> claimed, float value = 1) => _queue.CompleteAsync(
        claim, [.. claimed.Select(text => (text, text.Known ?? new HalfVector(Enumerable.Repeat((Half)value, 512).ToArray())))], Cancellation);

    /// <summary>Claims and completes whatever waits, as a worker does.</summary>
    async Task<List<ClaimedText>> WorkAsync(float value = 1)
    {
        var claim = Guid.NewGuid();
        var claimed = await ClaimAsync(claim);
        Assert.Equal(claimed.Count, await CompleteAsync(claim, claimed, value));
        return claimed;
    }

    Task RenameAsync(string name) => _database.ExecuteAsync("UPDATE retail.products SET product_name = $1 WHERE sku = 'A'", name);

    Task<string> StoredAsync() => _database.ScalarAsync<string>("SELECT string_agg(embedding_text || '=' || (embedding::vector::real[])[1], ',') FROM retail.product_embeddings");

    Task<long> QueuedAsync() => _database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue");

    [Fact]
    public async Task A_lease_that_is_extended_outlives_its_first_end_and_one_that_is_not_does_not()
    {
        var alive = Guid.NewGuid();
        var claimed = await ClaimAsync(alive, seconds: .3);
        Assert.Equal(1, await _queue.ExtendAsync(alive, TimeSpan.FromSeconds(60), Cancellation));
        await Task.Delay(350, Cancellation);
        Assert.Empty(await ClaimAsync(Guid.NewGuid()));
        Assert.Equal(1, await _queue.ExtendAsync(alive, TimeSpan.FromSeconds(.1), Cancellation));
        await Eventually.EqualAsync(1, async () => (await ClaimAsync(Guid.NewGuid())).Count);
        Assert.Equal(0, await _queue.ExtendAsync(alive, TimeSpan.FromSeconds(60), Cancellation));
        Assert.Equal(0, await CompleteAsync(alive, claimed));
    }

    [Fact]
    public async Task A_heartbeat_keeps_a_claim_for_as_long_as_the_work_lasts()
    {
        var claim = Guid.NewGuid();
        await ClaimAsync(claim, seconds: 3);
        await using (new Heartbeat(_queue, claim, TimeSpan.FromSeconds(3), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance))
        {
            await Task.Delay(4_000, Cancellation);
            Assert.Empty(await ClaimAsync(Guid.NewGuid()));
        }
        await Eventually.EqualAsync(1, async () => (await ClaimAsync(Guid.NewGuid())).Count);
    }

    [Fact]
    public async Task Of_two_quick_edits_the_later_is_stored_whichever_vector_comes_last()
    {
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        var mug = await ClaimAsync(first);
        await RenameAsync("Cup");
        var cup = await ClaimAsync(second);
        await RenameAsync("Bowl");
        Assert.Equal((0, 0), (await CompleteAsync(second, cup, 2), await CompleteAsync(first, mug, 1)));
        Assert.Equal("Bowl", Assert.Single(await WorkAsync(3)).Text);
        Assert.Equal("Bowl=3", await StoredAsync());
        Assert.Equal(0, await QueuedAsync());
    }

    [Fact]
    public async Task Edits_do_not_send_a_product_to_the_end_of_the_line_nor_make_its_wait_look_short()
    {
        await _database.ExecuteAsync("UPDATE retail.embedding_queue SET enqueued_at = '2026-01-01', available_at = '2026-01-01'");
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'B', 'Tent', 1)");
        await RenameAsync("Cup");
        Assert.Equal("Cup", Assert.Single(await _queue.ClaimAsync(Guid.NewGuid(), 1, TimeSpan.FromMinutes(1), Cancellation)).Text);
        Assert.True((await _queue.BacklogAsync(Cancellation)).Single().OldestSeconds > 3600);
    }

    [Fact]
    public async Task An_inactive_product_stays_current_so_that_it_is_found_as_soon_as_it_is_active_again()
    {
        await WorkAsync();
        await _database.ExecuteAsync("UPDATE retail.products SET is_active = FALSE");
        Assert.Equal(0, await QueuedAsync());
        await RenameAsync("Cup");
        await WorkAsync(2);
        await _database.ExecuteAsync("UPDATE retail.products SET is_active = TRUE");
        Assert.Equal(0, await QueuedAsync());
        Assert.Equal("Cup=2", await StoredAsync());
    }

    [Fact]
    public async Task A_product_cannot_change_its_store()
    {
        await WorkAsync();
        foreach (var sql in (string[])["UPDATE retail.products SET store_id = 'redmond'", "UPDATE retail.product_embeddings SET store_id = 'redmond'"])
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => _database.ExecuteAsync(sql));
            Assert.Equal("23000", refused.SqlState);
            Assert.Matches(@"^store_id of retail\.product\w+ cannot be changed$", refused.MessageText);
            Assert.Equal("Create the row in the other store instead.", refused.Hint);
        }
        Assert.Equal(1L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.products WHERE store_id = 'seattle'"));
    }

    [Fact]
    public async Task Who_deletes_a_product_while_its_vector_is_stored_is_not_disturbed()
    {
        var claim = Guid.NewGuid();
        var claimed = await ClaimAsync(claim);
        await using var deleter = await _database.As(null).OpenConnectionAsync(Cancellation);
        await deleter.ExecuteAsync("BEGIN");
        // What DELETE does first; its cascade to the queue comes after.
        await deleter.ExecuteAsync("SELECT FROM retail.products WHERE sku = 'A' FOR UPDATE");
        var storing = Assert.ThrowsAsync<PostgresException>(() => CompleteAsync(claim, claimed));
        await Task.Delay(100, Cancellation);
        Assert.Equal(1, await deleter.ExecuteAsync("DELETE FROM retail.products WHERE sku = 'A'"));
        var gaveWay = await storing;
        Assert.Equal((PostgresErrorCodes.LockNotAvailable, true), (gaveWay.SqlState, gaveWay.IsTransient));
        await deleter.ExecuteAsync("COMMIT");
        Assert.Equal(0, await CompleteAsync(claim, claimed));
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT (SELECT count(*) FROM retail.embedding_queue) + (SELECT count(*) FROM retail.product_embeddings)"));
    }

    [Fact]
    public async Task An_edit_that_is_undone_before_or_after_it_was_embedded_needs_no_provider()
    {
        await WorkAsync(1);
        await RenameAsync("Cup");
        await RenameAsync("Mug");
        Assert.NotNull(Assert.Single(await WorkAsync()).Known);

        await RenameAsync("Cup");
        Assert.Null(Assert.Single(await WorkAsync(2)).Known);
        await RenameAsync("Mug");
        Assert.NotNull(Assert.Single(await WorkAsync()).Known);
        Assert.Equal("Mug=1", await StoredAsync());
    }

    [Fact]
    public async Task A_vector_is_used_again_within_its_store_model_and_text_version_only()
    {
        await WorkAsync();
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'B', 'Mug', 1), ('redmond', 'A', 'Mug', 1)");
        Assert.Equal(["redmond: False", "seattle: True"], (await WorkAsync()).Select(text => $"{text.StoreId}: {text.Known is not null}").Order());

        await _database.ExecuteAsync("UPDATE retail.embedding_models SET state = 'standby' WHERE embedding_model = 'text-embedding-3-small'");
        var other = new EmbeddingQueue(_database.As(DatabaseRole.Worker), new("text-embedding-3-small", 1536));
        Assert.Equal(3, await other.EnqueueMissingAsync(Cancellation));
        Assert.All(await other.ClaimAsync(Guid.NewGuid(), 10, TimeSpan.FromMinutes(1), Cancellation), text => Assert.Null(text.Known));

        await _database.ExecuteAsync("UPDATE retail.product_embeddings SET text_version = 0");
        Assert.Equal(3, await _queue.EnqueueMissingAsync(Cancellation));
        Assert.All(await WorkAsync(), text => Assert.Null(text.Known));
        Assert.Equal(0, await _queue.EnqueueMissingAsync(Cancellation));
    }

    [Fact]
    public async Task Replaced_vectors_are_forgotten_after_a_while()
    {
        await WorkAsync();
        await RenameAsync("Cup");
        await WorkAsync(2);
        await _queue.ForgetReplacedAsync(TimeSpan.FromHours(1), Cancellation);
        Assert.Equal(1L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.replaced_embeddings"));
        await _queue.ForgetReplacedAsync(TimeSpan.Zero, Cancellation);
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.replaced_embeddings"));
    }
}
