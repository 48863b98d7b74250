using Microsoft.Extensions.AI;
using Npgsql;
using NpgsqlTypes;
using Pgvector;
using Zava.Database;
using Zava.Embeddings;

namespace Zava.McpServer.Search;

/// <summary>Finds products by meaning.</summary>
public sealed class ProductSearch(
    TenantDatabase database, IEmbeddingGenerator<string, Embedding<float>> generator, EmbeddingModel model)
{
    /// <summary>The products nearest in meaning to a text, best first, among the stores of a context.</summary>
    /// <param name="context">The caller, narrowed to the stores to search.</param>
    /// <param name="query">What is looked for, in plain words.</param>
    /// <param name="limit">At most so many products.</param>
    /// <param name="minimumSimilarity">Leaves out products below this cosine similarity; <c>null</c> for none.</param>
    /// <param name="cancellationToken">Cancels the embedding and the query.</param>
    public async Task<List<ProductMatch>> SearchAsync(
        TenantContext context, string query, int limit, double? minimumSimilarity, CancellationToken cancellationToken)
    {
        var embedding = await generator.GenerateVectorAsync(query, cancellationToken: cancellationToken);
        var vector = new HalfVector(Array.ConvertAll(embedding.ToArray(), number => (Half)number));
        return await database.QueryAsync(context, new NpgsqlBatchCommand("""
            SELECT s.store_id, s.product_id, s.sku, s.product_name, s.product_description, s.brand,
                   coalesce(parent.category_name, c.category_name), CASE WHEN parent.category_id IS NOT NULL THEN c.category_name END,
                   s.price, st.currency, coalesce(p.current_stock, 0), p.rating_average, s.similarity_score,
                   coalesce(s.similarity_score < m.similarity_floor, FALSE)
              FROM retail.search_products_by_similarity($1, $2, $3, $4, $5) s
              JOIN retail.products p ON p.store_id = s.store_id AND p.product_id = s.product_id
              JOIN retail.stores st ON st.store_id = s.store_id
              JOIN retail.embedding_models m ON m.embedding_model = $5
              LEFT JOIN retail.product_categories c ON c.category_id = p.category_id
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
             ORDER BY s.similarity_score DESC, s.store_id, s.product_id
            """)
        {
            Parameters =
            {
                new() { Value = vector },
                new() { Value = (object?)minimumSimilarity ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double },
                new() { Value = limit },
                new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = model.Name },
            },
        },
        row => new ProductMatch(
            row.GetString(0), row.GetGuid(1), row.GetString(2), row.GetString(3), row.GetNullable<string>(4), row.GetNullable<string>(5),
            row.GetNullable<string>(6), row.GetNullable<string>(7), row.GetDecimal(8), row.GetString(9), row.GetInt32(10),
            row.GetNullable<decimal?>(11), Math.Round(row.GetDouble(12), 4), row.GetBoolean(13)),
        cancellationToken);
    }
}
