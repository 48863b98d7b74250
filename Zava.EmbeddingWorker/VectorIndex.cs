using Npgsql;

namespace Zava.EmbeddingWorker;

/// <summary>The index of a model's vectors, which is made when there are so many that search uses it.</summary>
sealed class VectorIndex(NpgsqlDataSource dataSource, string model)
{
    /// <summary>Makes the index of the active model, if it pays and there is none. Searches go on meanwhile.</summary>
    /// <returns>Whether it was made now.</returns>
    public async Task<bool> BuildIfItPaysAsync(CancellationToken cancellationToken)
    {
        await using var look = dataSource.CreateCommand("""
            SELECT NOT retail.has_vector_index($1)
               AND (SELECT count(*) >= retail.index_pays_from() FROM (
                        SELECT FROM retail.product_embeddings WHERE embedding_model = $1 LIMIT retail.index_pays_from()) AS enough)
            """);
        look.Parameters.Add(new() { Value = model });
        if (!(bool)(await look.ExecuteScalarAsync(cancellationToken))!)
            return false;

        await using var build = dataSource.CreateBatch();
        build.BatchCommands.Add(new("BEGIN"));
        // A million vectors take half an hour.
        build.BatchCommands.Add(new("SET LOCAL statement_timeout = 0"));
        build.BatchCommands.Add(new("SELECT retail.build_vector_index($1)") { Parameters = { new() { Value = model } } });
        build.BatchCommands.Add(new("COMMIT"));
        build.Timeout = 0;
        await using var reader = await build.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetBoolean(0);
    }
}
