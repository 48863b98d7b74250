using Npgsql;
using NpgsqlTypes;
using Pgvector;
using Zava.Database;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

/// <summary>A product's text to embed, claimed from the queue.</summary>
/// <param name="TraceId">Trace of the request that changed the text, if it had one.</param>
/// <param name="Known">The vector of this very text, where the store has it already.</param>
public sealed record ClaimedText(string StoreId, Guid ProductId, string Text, string? TraceId = null, HalfVector? Known = null);

/// <summary>
/// The queue of texts to embed, for one model. Delivery is at least once: a claim is a lease, and a row leaves the
/// queue in the statement that stores its embedding. An edit clears the claim, so a vector of an older text is dropped.
/// </summary>
/// <remarks>Rows that somebody else holds are left out, never waited for: to wait for an editor could deadlock with them.</remarks>
public sealed class EmbeddingQueue(NpgsqlDataSource dataSource, EmbeddingModel model)
{
    /// <summary>The PostgreSQL notification channel on which the product triggers announce work.</summary>
    public const string Channel = "embedding_queue";

    /// <summary>Registers the model, and makes it the active one if there is none: that is the first start.</summary>
    /// <returns>The model's state: <c>active</c>, <c>standby</c>, or <c>inactive</c> when nothing is to be embedded with it.</returns>
    /// <exception cref="DatabaseSetupException">The model is known with another number of dimensions.</exception>
    public async Task<string> RegisterModelAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            INSERT INTO retail.embedding_models (embedding_model, dimensions) VALUES ($1, $2) ON CONFLICT DO NOTHING
            """);
        command.Parameters.Add(new() { Value = model.Name });
        command.Parameters.Add(new() { Value = model.Dimensions });
        await command.ExecuteNonQueryAsync(cancellationToken);
        try
        {
            await using var activate = dataSource.CreateCommand("""
                UPDATE retail.embedding_models SET state = 'active'
                 WHERE embedding_model = $1 AND dimensions = $2 AND NOT EXISTS (SELECT FROM retail.embedding_models WHERE state = 'active')
                """);
            activate.Parameters.Add(new() { Value = model.Name });
            activate.Parameters.Add(new() { Value = model.Dimensions });
            await activate.ExecuteNonQueryAsync(cancellationToken);
        }
        // A worker with another model was first.
        catch (PostgresException first) when (first.SqlState == PostgresErrorCodes.UniqueViolation)
        {
        }

        await using var look = dataSource.CreateCommand("SELECT dimensions, state FROM retail.embedding_models WHERE embedding_model = $1");
        look.Parameters.Add(new() { Value = model.Name });
        await using var reader = await look.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (dimensions, state) = (reader.GetInt32(0), reader.GetString(1));
        return dimensions == model.Dimensions
            ? state
            : throw new DatabaseSetupException(
                $"The embedding model '{model.Name}' is known with {dimensions} dimensions, but {model.Dimensions} are configured: " +
                "set Embeddings:OpenAI:Dimensions to that, or use another model.");
    }

    /// <summary>
    /// Queues every product without a current embedding of the model: all of them when the model is new, those that were
    /// added in a transaction that began before it, and those whose text is prepared differently now.
    /// </summary>
    /// <returns>How many products were queued.</returns>
    public async Task<int> EnqueueMissingAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            INSERT INTO retail.embedding_queue (store_id, product_id, embedding_model)
            SELECT p.store_id, p.product_id, m.embedding_model
              FROM retail.products p
              JOIN retail.embedding_models m ON m.embedding_model = $1 AND m.state <> 'inactive'
              LEFT JOIN retail.product_embeddings e
                ON e.store_id = p.store_id AND e.product_id = p.product_id AND e.embedding_model = m.embedding_model
             WHERE e.text_version IS DISTINCT FROM retail.embedding_text_version()
                OR e.embedding_text IS DISTINCT FROM retail.product_embedding_text(p.product_name, p.product_description, p.tags)
            ON CONFLICT DO NOTHING
            """);
        command.Parameters.Add(new() { Value = model.Name });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Claims the texts that have waited longest. Other workers skip them until the lease ends.</summary>
    /// <param name="claimId">Names the claim; use a new one each time.</param>
    /// <param name="count">At most so many.</param>
    /// <param name="lease">After this time the rows may be claimed again, should this worker have died.</param>
    /// <param name="cancellationToken">Cancels the statements.</param>
    public async Task<List<ClaimedText>> ClaimAsync(Guid claimId, int count, TimeSpan lease, CancellationToken cancellationToken)
    {
        // The text is read by a second statement: its snapshot begins when the rows are locked, so that an edit is
        // either in the text or finds the claim and clears it.
        await using var batch = dataSource.CreateBatch();
        batch.BatchCommands.Add(new("BEGIN"));
        // A plan is kept, and tables that are small when it is made are not for long.
        batch.BatchCommands.Add(new("SET LOCAL enable_seqscan = off"));
        batch.BatchCommands.Add(new("""
            WITH next AS MATERIALIZED ( -- a join could run a sub-select, and its LIMIT, more than once
                SELECT store_id, product_id FROM retail.embedding_queue
                 WHERE embedding_model = $1 AND available_at <= clock_timestamp() AND dead_since IS NULL
                 ORDER BY available_at, store_id, product_id
                 LIMIT $2
                   FOR UPDATE SKIP LOCKED)
            UPDATE retail.embedding_queue q
               SET claim_id = $3, available_at = clock_timestamp() + $4
              FROM next
             WHERE q.store_id = next.store_id AND q.product_id = next.product_id AND q.embedding_model = $1
            """)
        {
            Parameters =
            {
                new() { Value = model.Name }, new() { Value = count }, new() { Value = claimId }, new() { Value = lease },
            },
        });
        // Only vectors of the same store: how soon a product is embedded would else tell one store what another sells.
        batch.BatchCommands.Add(new("""
            -- Whether a text is known is asked by its hash alone: the store is written so that PostgreSQL, which takes one for a row in a new
            -- database, cannot look through all its embeddings for each text.
            WITH claimed AS MATERIALIZED (
                SELECT q.store_id, q.product_id, q.trace_id, retail.product_embedding_text(p.product_name, p.product_description, p.tags) AS embedding_text
                  FROM retail.embedding_queue q
                  JOIN retail.products p ON p.store_id = q.store_id AND p.product_id = q.product_id
                 WHERE q.claim_id = $1)
            SELECT c.store_id, c.product_id, c.embedding_text, c.trace_id, coalesce(
                       (SELECT e.embedding FROM retail.product_embeddings e
                         WHERE e.store_id || '' = c.store_id AND e.embedding_model = $2 AND e.text_hash = h.text_hash AND e.text_version = retail.embedding_text_version()
                         LIMIT 1),
                       (SELECT r.embedding FROM retail.replaced_embeddings r
                         WHERE r.store_id = c.store_id AND r.embedding_model = $2 AND r.text_hash = h.text_hash AND r.text_version = retail.embedding_text_version()))
              FROM claimed c CROSS JOIN LATERAL (SELECT retail.embedding_text_hash(c.embedding_text) AS text_hash) h
            """)
        {
            Parameters = { new() { Value = claimId }, new() { Value = model.Name } },
        });
        batch.BatchCommands.Add(new("COMMIT"));

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var claimed = new List<ClaimedText>();
        while (await reader.ReadAsync(cancellationToken))
            claimed.Add(new(
                reader.GetString(0), reader.GetGuid(1), reader.GetString(2), reader.GetNullable<string>(3), reader.GetNullable<HalfVector>(4)));
        await ReadToEndAsync(reader, cancellationToken);
        return claimed;
    }

    /// <summary>Makes a lease last longer, for as long as the work goes on.</summary>
    /// <returns>How many rows the claim still has.</returns>
    public Task<int> ExtendAsync(Guid claimId, TimeSpan lease, CancellationToken cancellationToken) => UpdateClaimAsync(
        "available_at = clock_timestamp() + $2", claimId, cancellationToken, new NpgsqlParameter { Value = lease });

    /// <summary>Gives what is left of a claim back, to be claimed again at once.</summary>
    public Task<int> ReleaseAsync(Guid claimId, string? error, CancellationToken cancellationToken) => UpdateClaimAsync(
        "claim_id = NULL, available_at = clock_timestamp(), last_error = coalesce($2, last_error)",
        claimId, cancellationToken, new NpgsqlParameter { Value = (object?)error ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });

    async Task<int> UpdateClaimAsync(string change, Guid claimId, CancellationToken cancellationToken, NpgsqlParameter parameter)
    {
        await using var command = dataSource.CreateCommand($"""
            WITH mine AS MATERIALIZED (SELECT store_id, product_id FROM retail.embedding_queue WHERE claim_id = $1 FOR UPDATE SKIP LOCKED)
            UPDATE retail.embedding_queue q SET {change}
              FROM mine
             WHERE q.claim_id = $1 AND q.store_id = mine.store_id AND q.product_id = mine.product_id
            """);
        command.Parameters.Add(new() { Value = claimId });
        command.Parameters.Add(parameter);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Gives back texts that the provider refuses. They pause, longer each time (2 s doubling to 5 min), and at the last
    /// attempt become dead letters.
    /// </summary>
    /// <param name="claimId">The claim that has them.</param>
    /// <param name="refused">The texts, each with a reason that quotes nothing.</param>
    /// <param name="maximumAttempts">How often one text may be refused.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>How many of them are dead letters now.</returns>
    public async Task<int> RefuseAsync(
        Guid claimId, IReadOnlyCollection<(ClaimedText Text, string Reason)> refused, int maximumAttempts, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            WITH mine AS MATERIALIZED (
                SELECT q.store_id, q.product_id, refused.reason
                  FROM unnest($2, $3, $4) AS refused (store_id, product_id, reason)
                  JOIN retail.embedding_queue q ON q.store_id = refused.store_id AND q.product_id = refused.product_id
                 WHERE q.claim_id = $1
                   FOR UPDATE OF q SKIP LOCKED),
            paused AS (
                UPDATE retail.embedding_queue q
                   SET claim_id = NULL, last_error = mine.reason, attempts = q.attempts + 1,
                       available_at = clock_timestamp() + least(interval '1 second' * 2 ^ least(q.attempts + 1, 10), interval '5 minutes'),
                       dead_since = CASE WHEN q.attempts + 1 >= $5 THEN clock_timestamp() END
                  FROM mine
                 WHERE q.claim_id = $1 AND q.store_id = mine.store_id AND q.product_id = mine.product_id
                RETURNING q.dead_since)
            SELECT count(dead_since)::integer FROM paused
            """);
        command.Parameters.Add(new() { Value = claimId });
        command.Parameters.Add(new() { Value = refused.Select(one => one.Text.StoreId).ToArray() });
        command.Parameters.Add(new() { Value = refused.Select(one => one.Text.ProductId).ToArray() });
        command.Parameters.Add(new() { Value = refused.Select(one => one.Reason).ToArray() });
        command.Parameters.Add(new() { Value = maximumAttempts });
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Stores embeddings of a claim and takes their rows off the queue, in one transaction.</summary>
    /// <param name="claimId">The claim.</param>
    /// <param name="embedded">All or some of its texts, each with its vector.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>How many were current still; fewer than given where a product was edited or removed meanwhile.</returns>
    /// <exception cref="PostgresException">Transient, where somebody who removes a product was in the way: try again.</exception>
    public async Task<int> CompleteAsync(Guid claimId, IReadOnlyCollection<(ClaimedText Text, HalfVector Vector)> embedded, CancellationToken cancellationToken)
    {
        await using var batch = dataSource.CreateBatch();
        batch.BatchCommands.Add(new("BEGIN"));
        // Who deletes a product locks it and then its queue row; this locks them the other way round. Below deadlock_timeout
        // (1 s) it is always this transaction that gives way, and never theirs that fails.
        batch.BatchCommands.Add(new("SET LOCAL lock_timeout = '300ms'"));
        batch.BatchCommands.Add(new("""
            WITH result AS MATERIALIZED (
                SELECT * FROM unnest($3, $4, $5, $6) AS result (store_id, product_id, embedding_text, embedding)),
            mine AS MATERIALIZED (
                SELECT store_id, product_id FROM retail.embedding_queue
                 WHERE claim_id = $1 AND embedding_model = $2
                   FOR UPDATE SKIP LOCKED),
            done AS (
                DELETE FROM retail.embedding_queue q USING result, mine
                 WHERE q.claim_id = $1 AND q.embedding_model = $2
                   AND q.store_id = mine.store_id AND q.product_id = mine.product_id
                   AND q.store_id = result.store_id AND q.product_id = result.product_id
                RETURNING result.*),
            replaced AS (
                INSERT INTO retail.replaced_embeddings (store_id, embedding_model, text_version, text_hash, embedding)
                SELECT DISTINCT ON (e.store_id, e.text_version, e.text_hash) e.store_id, $2, e.text_version, e.text_hash, e.embedding
                  FROM done JOIN retail.product_embeddings e ON e.store_id = done.store_id AND e.product_id = done.product_id AND e.embedding_model = $2
                 WHERE e.embedding_text <> done.embedding_text
                ON CONFLICT (store_id, embedding_model, text_version, text_hash) DO UPDATE SET replaced_at = EXCLUDED.replaced_at),
            stored AS (
                INSERT INTO retail.product_embeddings AS stored (store_id, product_id, embedding_text, embedding, embedding_model)
                SELECT store_id, product_id, embedding_text, embedding, $2 FROM done
                ON CONFLICT (store_id, product_id, embedding_model) DO UPDATE
                   SET embedding_text = EXCLUDED.embedding_text, embedding = EXCLUDED.embedding, text_version = EXCLUDED.text_version
                 WHERE (stored.embedding_text, stored.text_version) IS DISTINCT FROM (EXCLUDED.embedding_text, EXCLUDED.text_version))
            SELECT count(*)::integer FROM done
            """)
        {
            Parameters =
            {
                new() { Value = claimId },
                new() { Value = model.Name },
                new() { Value = embedded.Select(one => one.Text.StoreId).ToArray() },
                new() { Value = embedded.Select(one => one.Text.ProductId).ToArray() },
                new() { Value = embedded.Select(one => one.Text.Text).ToArray() },
                new() { Value = embedded.Select(one => one.Vector).ToArray() },
            },
        });
        batch.BatchCommands.Add(new("COMMIT"));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var current = reader.GetInt32(0);
        await ReadToEndAsync(reader, cancellationToken);
        return current;
    }

    // Where the COMMIT's answer is.
    static async Task ReadToEndAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        while (await reader.NextResultAsync(cancellationToken))
        {
        }
    }

    /// <summary>Forgets vectors that were replaced long ago.</summary>
    public async Task ForgetReplacedAsync(TimeSpan after, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("DELETE FROM retail.replaced_embeddings WHERE embedding_model = $1 AND replaced_at < clock_timestamp() - $2");
        command.Parameters.Add(new() { Value = model.Name });
        command.Parameters.Add(new() { Value = after });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>What waits, by store.</summary>
    public async Task<List<Backlog>> BacklogAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            SELECT store_id, count(*) FILTER (WHERE dead_since IS NULL), count(dead_since),
                   coalesce(extract(epoch FROM clock_timestamp() - min(enqueued_at) FILTER (WHERE dead_since IS NULL)), 0)::float8
              FROM retail.embedding_queue WHERE embedding_model = $1 GROUP BY store_id
            """);
        command.Parameters.Add(new() { Value = model.Name });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var backlog = new List<Backlog>();
        while (await reader.ReadAsync(cancellationToken))
            backlog.Add(new(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), Math.Max(0, reader.GetDouble(3))));
        return backlog;
    }
}

/// <param name="StoreId">Whose.</param>
/// <param name="Waiting">Products that wait or are being embedded.</param>
/// <param name="Dead">Products whose text the provider refuses.</param>
/// <param name="OldestSeconds">For how long the one that has waited longest waits.</param>
public sealed record Backlog(string StoreId, long Waiting, long Dead, double OldestSeconds);
