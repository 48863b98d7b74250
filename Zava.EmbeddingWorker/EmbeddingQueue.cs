using Microsoft.Extensions.AI;
using Npgsql;
using Pgvector;
using Zava.Database;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

/// <summary>A product's text to embed, claimed from the queue.</summary>
public sealed record ClaimedText(string StoreId, Guid ProductId, string Text);

/// <summary>
/// The queue of texts to embed, for one model. Delivery is at least once: a claim is a lease, and a row leaves the
/// queue in the statement that stores its embedding. An edit clears the claim, so a vector of an older text is dropped.
/// </summary>
public sealed class EmbeddingQueue(NpgsqlDataSource dataSource, EmbeddingModel model)
{
    /// <summary>The PostgreSQL notification channel on which the product triggers announce work.</summary>
    public const string Channel = "embedding_queue";

    /// <summary>Makes the model the active one, so that products are queued for it from now on.</summary>
    /// <exception cref="DatabaseSetupException">The model is known with another number of dimensions.</exception>
    public async Task ActivateModelAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // The update that changes nothing locks the row: of two workers that start together, one waits.
        await using (var register = new NpgsqlCommand("""
            INSERT INTO retail.embedding_models (embedding_model, dimensions) VALUES ($1, $2)
            ON CONFLICT (embedding_model) DO UPDATE SET state = embedding_models.state
            RETURNING dimensions
            """, connection) { Parameters = { new() { Value = model.Name }, new() { Value = model.Dimensions } } })
            if (await register.ExecuteScalarAsync(cancellationToken) is int dimensions && dimensions != model.Dimensions)
                throw new DatabaseSetupException(
                    $"The embedding model '{model.Name}' is known with {dimensions} dimensions, but {model.Dimensions} are configured: " +
                    "set Embeddings:OpenAI:Dimensions to that, or use another model.");

        await using var activate = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("UPDATE retail.embedding_models SET state = 'inactive' WHERE state = 'active' AND embedding_model <> $1")
                {
                    Parameters = { new() { Value = model.Name } },
                },
                new("UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = $1 AND state <> 'active'")
                {
                    Parameters = { new() { Value = model.Name } },
                },
            },
        };
        await activate.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>
    /// Queues every product without a current embedding of the model: all of them after a change of model, and those
    /// that were added in a transaction that began before it.
    /// </summary>
    /// <returns>How many products were queued.</returns>
    public async Task<int> EnqueueMissingAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            INSERT INTO retail.embedding_queue (store_id, product_id, embedding_model)
            SELECT p.store_id, p.product_id, $1
              FROM retail.products p
              LEFT JOIN retail.product_embeddings e
                ON e.store_id = p.store_id AND e.product_id = p.product_id AND e.embedding_model = $1
             WHERE e.embedding_text IS DISTINCT FROM retail.product_embedding_text(p.product_name, p.product_description, p.tags)
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
        batch.BatchCommands.Add(new("""
            WITH next AS MATERIALIZED ( -- a join could run a sub-select, and its LIMIT, more than once
                SELECT store_id, product_id FROM retail.embedding_queue
                 WHERE embedding_model = $1 AND available_at <= clock_timestamp()
                 ORDER BY available_at, store_id, product_id
                 LIMIT $2
                   FOR UPDATE SKIP LOCKED)
            UPDATE retail.embedding_queue q
               SET claim_id = $3, available_at = clock_timestamp() + $4, attempts = q.attempts + 1
              FROM next
             WHERE q.store_id = next.store_id AND q.product_id = next.product_id AND q.embedding_model = $1
            """)
        {
            Parameters =
            {
                new() { Value = model.Name }, new() { Value = count }, new() { Value = claimId }, new() { Value = lease },
            },
        });
        batch.BatchCommands.Add(new("""
            SELECT p.store_id, p.product_id, retail.product_embedding_text(p.product_name, p.product_description, p.tags)
              FROM retail.embedding_queue q
              JOIN retail.products p ON p.store_id = q.store_id AND p.product_id = q.product_id
             WHERE q.claim_id = $1
            """)
        {
            Parameters = { new() { Value = claimId } },
        });

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var claimed = new List<ClaimedText>();
        while (await reader.ReadAsync(cancellationToken))
            claimed.Add(new(reader.GetString(0), reader.GetGuid(1), reader.GetString(2)));
        return claimed;
    }

    /// <summary>Stores the embeddings of a claim and takes their rows off the queue, in one statement.</summary>
    /// <returns>How many were stored; fewer than claimed where a product was edited or removed meanwhile.</returns>
    /// <exception cref="InvalidDataException">A vector has another length than the model's, or is no direction at all.</exception>
    public async Task<int> CompleteAsync(
        Guid claimId, IReadOnlyList<ClaimedText> claimed, IReadOnlyList<Embedding<float>> embeddings, CancellationToken cancellationToken)
    {
        if (embeddings.Count != claimed.Count)
            throw new InvalidDataException($"The embedding provider returned {embeddings.Count} vectors for {claimed.Count} texts.");
        var vectors = new HalfVector[claimed.Count];
        for (var index = 0; index < vectors.Length; index++)
            vectors[index] = ToHalfVector(embeddings[index].Vector.Span);

        await using var command = dataSource.CreateCommand("""
            WITH result AS (
                SELECT * FROM unnest($3, $4, $5, $6) AS result (store_id, product_id, embedding_text, embedding)),
            mine AS MATERIALIZED ( -- a row that an editor holds is being edited: to wait for it could deadlock with them
                SELECT store_id, product_id FROM retail.embedding_queue
                 WHERE claim_id = $1 AND embedding_model = $2
                   FOR UPDATE SKIP LOCKED),
            done AS (
                DELETE FROM retail.embedding_queue q USING result, mine
                 WHERE q.claim_id = $1 AND q.embedding_model = $2
                   AND q.store_id = mine.store_id AND q.product_id = mine.product_id
                   AND q.store_id = result.store_id AND q.product_id = result.product_id
                RETURNING result.*)
            INSERT INTO retail.product_embeddings AS stored (store_id, product_id, embedding_text, embedding, embedding_model)
            SELECT store_id, product_id, embedding_text, embedding, $2 FROM done
            ON CONFLICT (store_id, product_id, embedding_model) DO UPDATE
               SET embedding_text = EXCLUDED.embedding_text, embedding = EXCLUDED.embedding
            """);
        command.Parameters.Add(new() { Value = claimId });
        command.Parameters.Add(new() { Value = model.Name });
        command.Parameters.Add(new() { Value = claimed.Select(text => text.StoreId).ToArray() });
        command.Parameters.Add(new() { Value = claimed.Select(text => text.ProductId).ToArray() });
        command.Parameters.Add(new() { Value = claimed.Select(text => text.Text).ToArray() });
        command.Parameters.Add(new() { Value = vectors });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Gives a claim back. After a failure the rows pause, longer with each attempt (2 s doubling to 5 min).</summary>
    /// <param name="error">What went wrong; <c>null</c> when nothing did and the rows may be claimed at once.</param>
    public async Task ReleaseAsync(Guid claimId, string? error, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            UPDATE retail.embedding_queue
               SET claim_id = NULL, last_error = coalesce($2, last_error),
                   attempts = CASE WHEN $2 IS NULL THEN attempts - 1 ELSE attempts END,
                   available_at = clock_timestamp() + CASE WHEN $2 IS NULL THEN interval '0'
                                                           ELSE least(interval '1 second' * 2 ^ least(attempts, 10), interval '5 minutes') END
             WHERE claim_id = $1
            """);
        command.Parameters.Add(new() { Value = claimId });
        command.Parameters.Add(new() { Value = (object?)error ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    HalfVector ToHalfVector(ReadOnlySpan<float> vector)
    {
        if (vector.Length != model.Dimensions)
            throw new InvalidDataException($"The embedding provider returned {vector.Length} dimensions; '{model.Name}' has {model.Dimensions}.");
        var halves = new Half[vector.Length];
        var isZero = true;
        for (var index = 0; index < halves.Length; index++)
        {
            halves[index] = (Half)vector[index];
            isZero &= halves[index] == Half.Zero;
            if (!Half.IsFinite(halves[index]))
                throw new InvalidDataException("The embedding provider returned a vector with a number that is not finite.");
        }
        // A zero vector has no cosine with anything.
        return isZero ? throw new InvalidDataException("The embedding provider returned a vector of zeros.") : new HalfVector(halves);
    }
}
