using System.Numerics.Tensors;
using Npgsql;
using NpgsqlTypes;
using Pgvector;
using Zava.Embeddings;
using Zava.Seeder.Catalogue;

namespace Zava.Benchmarks;

/// <summary>
/// Many products over stores of very different sizes: copies of the sample products, whose vectors are those of the real model,
/// moved a little in the directions in which real products differ from one another. Where these are too few kinds, relatives of them are made
/// likewise, moved further.
/// </summary>
static class SearchCorpus
{
    public const string Model = UniversalSentenceEncoder.ModelId;

    // The length of the move of a copy, which is as like its original as another version of the same product: a cosine of about .9.
    const float CopyMove = 0.45f;

    // And of a relative, another kind of product in the same aisle: a cosine of about .75.
    const float RelativeMove = 0.88f;

    // A larger market has more kinds of products, and not more copies of each.
    const int CopiesOfEach = 400;

    // Each move is the sum of so many differences of two products. All products together spread over about 27 of the 512
    // dimensions (the participation ratio of their covariance); noise in all of them would have no nearest neighbours to speak of.
    const int Differences = 8;

    // A table that says that the database is filled, with this corpus and no other.
    const string Filled = "retail.bench_corpus_of_relatives";

    /// <summary>Store and number of products.</summary>
    public static (string Store, int Products)[] Stores(bool large) => large
        ? [("bench-10", 10), ("bench-300", 300), ("bench-5k", 5_000), ("bench-200k", 200_000), ("bench-700k", 700_000), ("bench-rest", 94_690)]
        : [("bench-10", 10), ("bench-300", 300), ("bench-5k", 5_000), ("bench-40k", 40_000), ("bench-140k", 140_000), ("bench-rest", 14_690)];

    /// <summary>What is searched for: what kinds of products are for, in the words of the catalogue.</summary>
    public static async Task<List<(string Text, HalfVector Vector)>> QueriesAsync(int count, CancellationToken cancellationToken)
    {
        using var encoder = new UniversalSentenceEncoder();
        string[] texts = [.. CatalogueReader.Read().Kinds.Take(count).Select(kind => kind.Purpose.Split('.')[0])];
        var embeddings = await encoder.GenerateAsync(texts, cancellationToken: cancellationToken);
        return [.. texts.Zip(embeddings, (text, embedding) => (text, Half(embedding.Vector.Span)))];
    }

    /// <summary>Fills a database that holds the sample data, unless it is filled already.</summary>
    public static async Task FillAsync(NpgsqlDataSource administrator, bool large, Action<string> said, CancellationToken cancellationToken)
    {
        var stores = Stores(large);
        await using var connection = await administrator.OpenConnectionAsync(cancellationToken);
        if ((long)(await ScalarAsync("SELECT count(*) FROM retail.product_embeddings WHERE store_id LIKE 'bench-%'"))! == stores.Sum(store => store.Products)
            && await ScalarAsync($"SELECT to_regclass('{Filled}')::text") is not DBNull)
            return;

        said("Embedding the sample products …");
        var originals = await OriginalsAsync(connection, cancellationToken);
        AddRelatives(originals, stores.Sum(store => store.Products) / CopiesOfEach);
        var definitions = (string[])(await ScalarAsync("""
            SELECT array_agg(pg_get_indexdef(indexrelid)) FROM pg_index i
             WHERE indrelid IN ('retail.products'::regclass, 'retail.product_words'::regclass, 'retail.product_embeddings'::regclass)
               AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
            """))!;
        // No triggers: nothing is to be audited or queued.
        await ExecuteAsync("""
            SET session_replication_role = replica; SET maintenance_work_mem = '2GB'; SET max_parallel_maintenance_workers = 0;
            DO $$ DECLARE name regclass; BEGIN
                FOR name IN SELECT indexrelid FROM pg_index i WHERE indrelid IN ('retail.products'::regclass, 'retail.product_words'::regclass, 'retail.product_embeddings'::regclass)
                               AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
                LOOP EXECUTE format('DROP INDEX %s', name); END LOOP; END $$;
            DELETE FROM retail.product_embeddings WHERE store_id LIKE 'bench-%'; DELETE FROM retail.product_words WHERE store_id LIKE 'bench-%'; DELETE FROM retail.products WHERE store_id LIKE 'bench-%';
            UPDATE retail.embedding_models SET state = 'inactive' WHERE state = 'active';
            UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = 'universal-sentence-encoder-lite'
            """);
        foreach (var (store, products) in stores)
        {
            said($"{store}: {products:N0} products …");
            await ExecuteAsync($"INSERT INTO retail.stores (store_id, store_name) VALUES ('{store}', '{store}') ON CONFLICT DO NOTHING");
            await CopyAsync(connection, store, products, originals, cancellationToken);
        }
        said("The words of the products …");
        await ExecuteAsync("""
            INSERT INTO retail.product_words (store_id, product_id, words)
            SELECT store_id, product_id, retail.product_words(sku, product_name, brand, model, color, size, tags, product_description)
              FROM retail.products WHERE store_id LIKE 'bench-%'
            """);
        foreach (var definition in definitions)
        {
            said($"{definition.Split(' ')[2]} …");
            await ExecuteAsync(definition);
        }
        said("The index of the vectors …");
        await ExecuteAsync($"SELECT retail.build_vector_index('{Model}')");
        await ExecuteAsync("VACUUM ANALYZE retail.products");
        await ExecuteAsync("VACUUM ANALYZE retail.product_words");
        await ExecuteAsync("VACUUM ANALYZE retail.product_embeddings");
        await ExecuteAsync($"CREATE TABLE {Filled} ()");

        async Task<object?> ScalarAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            return await command.ExecuteScalarAsync(cancellationToken);
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    sealed record Original(string Name, string Description, string Brand, decimal Price, int CategoryId, float[] Vector);

    static async Task<List<Original>> OriginalsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var rows = new List<(string Name, string Description, string Brand, decimal Price, int CategoryId, string Text)>();
        await using (var command = new NpgsqlCommand("""
            SELECT product_name, product_description, brand, price, category_id, retail.product_embedding_text(product_name, product_description, tags)
              FROM retail.products WHERE store_id NOT LIKE 'bench-%' ORDER BY sku
            """, connection))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken))
                rows.Add((reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetDecimal(3), reader.GetInt32(4), reader.GetString(5)));
        using var encoder = new UniversalSentenceEncoder();
        var vectors = await encoder.GenerateAsync(rows.Select(row => row.Text), cancellationToken: cancellationToken);
        return [.. rows.Zip(vectors, (row, vector) => new Original(row.Name, row.Description, row.Brand, row.Price, row.CategoryId, vector.Vector.ToArray()))];
    }

    static void AddRelatives(List<Original> originals, int kinds)
    {
        var random = new Random(kinds);
        var first = originals.ToArray();
        while (originals.Count < kinds)
        {
            var like = first[originals.Count % first.Length];
            originals.Add(like with { Vector = Moved(like.Vector, RelativeMove, first, random) });
        }
    }

    static async Task CopyAsync(NpgsqlConnection connection, string store, int count, List<Original> originals, CancellationToken cancellationToken)
    {
        var random = new Random(count);
        var ids = Enumerable.Range(0, count).Select(_ => { var bytes = new byte[16]; random.NextBytes(bytes); return new Guid(bytes); }).ToArray();
        var of = Enumerable.Range(0, count).Select(_ => originals[random.Next(originals.Count)]).ToArray();
        await using (var products = await connection.BeginBinaryImportAsync(
            "COPY retail.products (store_id, product_id, sku, product_name, product_description, brand, price, category_id, current_stock) FROM STDIN (FORMAT BINARY)", cancellationToken))
        {
            for (var row = 0; row < count; row++)
            {
                await products.StartRowAsync(cancellationToken);
                await products.WriteAsync(store, cancellationToken);
                await products.WriteAsync(ids[row], cancellationToken);
                await products.WriteAsync($"BEN-{row:D6}", cancellationToken);
                await products.WriteAsync($"{of[row].Name} No. {row}", cancellationToken);
                await products.WriteAsync(of[row].Description, cancellationToken);
                await products.WriteAsync(of[row].Brand, cancellationToken);
                await products.WriteAsync(of[row].Price, NpgsqlDbType.Numeric, cancellationToken);
                await products.WriteAsync(of[row].CategoryId, cancellationToken);
                await products.WriteAsync(row % 7, cancellationToken);
            }
            await products.CompleteAsync(cancellationToken);
        }
        await using var embeddings = await connection.BeginBinaryImportAsync(
            "COPY retail.product_embeddings (store_id, product_id, embedding_text, embedding, embedding_model) FROM STDIN (FORMAT BINARY)", cancellationToken);
        for (var row = 0; row < count; row++)
        {
            await embeddings.StartRowAsync(cancellationToken);
            await embeddings.WriteAsync(store, cancellationToken);
            await embeddings.WriteAsync(ids[row], cancellationToken);
            await embeddings.WriteAsync("x", cancellationToken);
            await embeddings.WriteAsync(Half(Moved(of[row].Vector, CopyMove, originals, random)), cancellationToken);
            await embeddings.WriteAsync(Model, cancellationToken);
        }
        await embeddings.CompleteAsync(cancellationToken);
    }

    static float[] Moved(float[] vector, float length, IReadOnlyList<Original> originals, Random random)
    {
        var move = new float[vector.Length];
        for (var number = 0; number < Differences; number++)
        {
            TensorPrimitives.Add(move, originals[random.Next(originals.Count)].Vector, move);
            TensorPrimitives.Subtract(move, originals[random.Next(originals.Count)].Vector, move);
        }
        TensorPrimitives.Multiply(move, length / TensorPrimitives.Norm(move), move);
        TensorPrimitives.Add(move, vector, move);
        TensorPrimitives.Divide(move, TensorPrimitives.Norm(move), move);
        return move;
    }

    static HalfVector Half(ReadOnlySpan<float> vector)
    {
        var halves = new Half[vector.Length];
        TensorPrimitives.ConvertToHalf(vector, halves);
        return new(halves);
    }
}
