using Npgsql;

namespace Zava.Database;

/// <summary>How far a model is.</summary>
/// <param name="Model">Its name.</param>
/// <param name="Dimensions">Numbers in a vector.</param>
/// <param name="State"><c>active</c>, <c>standby</c> or <c>inactive</c>.</param>
/// <param name="Products">All products.</param>
/// <param name="Embedded">Products with a vector of the model, be it of an older text.</param>
/// <param name="Waiting">Products in the queue.</param>
/// <param name="Dead">Dead letters.</param>
/// <param name="OldestWait">For how long the product waits that has waited longest.</param>
/// <param name="HasIndex">Whether its HNSW index is built.</param>
public sealed record EmbeddingModelStatus(
    string Model, int Dimensions, string State, long Products, long Embedded, long Waiting, long Dead, TimeSpan OldestWait, bool HasIndex)
{
    /// <summary>Whether search would find with it whatever can be embedded.</summary>
    public bool IsComplete => State != "inactive" && Embedded + Dead >= Products;
}

/// <summary>A product whose text a provider refuses.</summary>
public sealed record DeadLetter(string Model, string StoreId, Guid ProductId, DateTime Since, string Reason);

/// <summary>
/// What an operator does about embeddings: looks, tries dead letters again, changes the model. Counts as its own login and
/// changes as <c>zava_owner</c>: <c>zava_maintenance</c> may do both.
/// </summary>
public sealed class EmbeddingModels(NpgsqlDataSource dataSource)
{
    public async Task<List<EmbeddingModelStatus>> StatusAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            SELECT m.embedding_model, m.dimensions, m.state, (SELECT count(*) FROM retail.products),
                   (SELECT count(*) FROM retail.product_embeddings e
                     WHERE e.embedding_model = m.embedding_model AND e.text_version = retail.embedding_text_version()
                       AND NOT EXISTS (SELECT FROM retail.embedding_queue d
                                        WHERE d.store_id = e.store_id AND d.product_id = e.product_id AND d.embedding_model = e.embedding_model AND d.dead_since IS NOT NULL)),
                   q.waiting, q.dead, coalesce(q.oldest, interval '0'), retail.has_vector_index(m.embedding_model)
              FROM retail.embedding_models m
              CROSS JOIN LATERAL (
                   SELECT count(*) FILTER (WHERE dead_since IS NULL) AS waiting, count(dead_since) AS dead,
                          clock_timestamp() - min(enqueued_at) FILTER (WHERE dead_since IS NULL) AS oldest
                     FROM retail.embedding_queue WHERE embedding_model = m.embedding_model) q
             ORDER BY m.state, m.embedding_model
            """);
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var models = new List<EmbeddingModelStatus>();
        while (await reader.ReadAsync(cancellationToken))
            models.Add(new(reader.GetString(0), reader.GetInt32(1), reader.GetString(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5),
                reader.GetInt64(6), reader.GetTimeSpan(7), reader.GetBoolean(8)));
        return models;
    }

    public async Task<List<DeadLetter>> DeadLettersAsync(int limit, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            SELECT embedding_model, store_id, product_id, dead_since, coalesce(last_error, '') FROM retail.embedding_queue
             WHERE dead_since IS NOT NULL ORDER BY dead_since, store_id, product_id LIMIT $1
            """);
        command.Parameters.Add(new() { Value = limit });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var letters = new List<DeadLetter>();
        while (await reader.ReadAsync(cancellationToken))
            letters.Add(new(reader.GetString(0), reader.GetString(1), reader.GetGuid(2), reader.GetDateTime(3), reader.GetString(4)));
        return letters;
    }

    /// <summary>Puts dead letters back into the queue.</summary>
    /// <param name="store">Only those of this store; <c>null</c> for all.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>How many there were.</returns>
    public async Task<int> RequeueAsync(string? store, CancellationToken cancellationToken)
    {
        await using var owner = await OpenAsOwnerAsync(cancellationToken);
        var count = await ExecuteAsync(owner, """
            UPDATE retail.embedding_queue SET dead_since = NULL, attempts = 0, available_at = clock_timestamp()
             WHERE dead_since IS NOT NULL AND store_id = coalesce($1, store_id)
            """, cancellationToken, new NpgsqlParameter { Value = (object?)store ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        await WakeWorkersAsync(owner, cancellationToken);
        return count;
    }

    /// <summary>Makes a model one that is kept current beside the active one, or the active one if there is none.</summary>
    /// <exception cref="DatabaseSetupException">It is known with other dimensions.</exception>
    public async Task<EmbeddingModelStatus> AddAsync(string model, int dimensions, CancellationToken cancellationToken)
    {
        if (model.Length is 0 or > 100 || model.Any(char.IsControl))
            throw new DatabaseSetupException($"The model's name has {model.Length} characters: 1 to 100 are allowed, and none that control.");
        if (dimensions is < 1 or > 4000)
            throw new DatabaseSetupException($"dimensions is {dimensions}: 1 to 4000 are allowed.");
        await using var owner = await OpenAsOwnerAsync(cancellationToken);
        await ExecuteAsync(owner, "INSERT INTO retail.embedding_models (embedding_model, dimensions) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            cancellationToken, new NpgsqlParameter { Value = model }, new NpgsqlParameter { Value = dimensions });
        var known = await FindAsync(model, cancellationToken);
        if (known.Dimensions != dimensions)
            throw new DatabaseSetupException($"The embedding model '{model}' is known with {known.Dimensions} dimensions, not {dimensions}.");
        await ExecuteAsync(owner, """
            UPDATE retail.embedding_models SET state = CASE WHEN EXISTS (SELECT FROM retail.embedding_models WHERE state = 'active') THEN 'standby' ELSE 'active' END
             WHERE embedding_model = $1 AND state = 'inactive'
            """, cancellationToken, new NpgsqlParameter { Value = model });
        await WakeWorkersAsync(owner, cancellationToken);
        return await FindAsync(model, cancellationToken);
    }

    /// <summary>
    /// Builds the index of a model that is complete and makes search use it; the one before stays current, so that switching
    /// back is the same command. Can be repeated when it was interrupted.
    /// </summary>
    /// <exception cref="DatabaseSetupException">The model is unknown, was not added, or is not complete.</exception>
    public async Task SwitchAsync(string model, CancellationToken cancellationToken)
    {
        var status = await FindAsync(model, cancellationToken);
        if (status.State == "inactive")
            throw new DatabaseSetupException($"The embedding model '{model}' was not added: run add {model} {status.Dimensions} first.");
        if (!status.IsComplete)
            throw new DatabaseSetupException(
                $"The embedding model '{model}' has {status.Embedded} of {status.Products} products: switching now would hide the others from search. " +
                "status shows the progress; it needs a worker that is configured for the model.");
        await using var owner = await OpenAsOwnerAsync(cancellationToken);
        await BuildIndexAsync(owner, model, status.Dimensions, cancellationToken);
        await using var transaction = await owner.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(owner, "UPDATE retail.embedding_models SET state = 'standby' WHERE state = 'active' AND embedding_model <> $1", cancellationToken, new NpgsqlParameter { Value = model });
        await ExecuteAsync(owner, "UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = $1 AND state = 'standby'", cancellationToken, new NpgsqlParameter { Value = model });
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Stops embedding with a model, and removes its vectors and its index. Can be repeated when it was interrupted.</summary>
    /// <returns>How many vectors were removed.</returns>
    /// <exception cref="DatabaseSetupException">The model is unknown or the active one.</exception>
    public async Task<long> RetireAsync(string model, CancellationToken cancellationToken)
    {
        if ((await FindAsync(model, cancellationToken)).State == "active")
            throw new DatabaseSetupException($"The embedding model '{model}' is the active one: switch to another first.");
        await using var owner = await OpenAsOwnerAsync(cancellationToken);
        await ExecuteAsync(owner, "UPDATE retail.embedding_models SET state = 'inactive' WHERE embedding_model = $1 AND state = 'standby'", cancellationToken, new NpgsqlParameter { Value = model });
        await ExecuteAsync(owner, "DELETE FROM retail.embedding_queue WHERE embedding_model = $1", cancellationToken, new NpgsqlParameter { Value = model });
        // First the index: to take each vector out of it would be slow.
        await foreach (var (index, _) in IndexesAsync(owner, model, cancellationToken))
            await ExecuteAsync(owner, $"DROP INDEX CONCURRENTLY IF EXISTS {index}", cancellationToken);
        await ExecuteAsync(owner, "DELETE FROM retail.replaced_embeddings WHERE embedding_model = $1", cancellationToken, new NpgsqlParameter { Value = model });
        return await ExecuteAsync(owner, "DELETE FROM retail.product_embeddings WHERE embedding_model = $1", cancellationToken, new NpgsqlParameter { Value = model });
    }

    static async Task BuildIndexAsync(NpgsqlConnection owner, string model, int dimensions, CancellationToken cancellationToken)
    {
        var isBuilt = false;
        await foreach (var (index, isValid) in IndexesAsync(owner, model, cancellationToken))
            if (isValid)
                isBuilt = true;
            else // what an interrupted build left
                await ExecuteAsync(owner, $"DROP INDEX CONCURRENTLY {index}", cancellationToken);
        if (isBuilt)
            return;
        // pgvector before 0.8.2 may overflow in parallel builds.
        await ExecuteAsync(owner, "SET max_parallel_maintenance_workers = 0", cancellationToken);
        await using var statement = new NpgsqlCommand(
            "SELECT format('CREATE INDEX CONCURRENTLY %I ', 'idx_product_embeddings_' || left(md5($1), 8)) || retail.vector_index($1, $2)", owner)
        {
            Parameters = { new() { Value = model }, new() { Value = dimensions } },
        };
        await ExecuteAsync(owner, (string)(await statement.ExecuteScalarAsync(cancellationToken))!, cancellationToken);
    }

    static async IAsyncEnumerable<(string Name, bool IsValid)> IndexesAsync(
        NpgsqlConnection connection, string model, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var found = new List<(string, bool)>();
        await using (var command = new NpgsqlCommand("SELECT * FROM retail.vector_indexes($1)", connection) { Parameters = { new() { Value = model } } })
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken))
                found.Add((reader.GetString(0), reader.GetBoolean(1)));
        foreach (var index in found)
            yield return index;
    }

    async Task<EmbeddingModelStatus> FindAsync(string model, CancellationToken cancellationToken)
    {
        var models = await StatusAsync(cancellationToken);
        return models.Find(known => known.Model == model)
            ?? throw new DatabaseSetupException($"There is no embedding model '{model}'. Known: {string.Join(", ", models.Select(known => known.Model))}.");
    }

    async Task<NpgsqlConnection> OpenAsOwnerAsync(CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        // Npgsql resets the role when the connection goes back to its pool.
        await ExecuteAsync(connection, $"SET ROLE {DatabaseRole.Owner}", cancellationToken);
        return connection;
    }

    // In the channel that the triggers use; see EmbeddingQueue.
    static Task WakeWorkersAsync(NpgsqlConnection connection, CancellationToken cancellationToken) => ExecuteAsync(connection, "NOTIFY embedding_queue", cancellationToken);

    static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        command.Parameters.AddRange(parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
