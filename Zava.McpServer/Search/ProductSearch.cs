using System.Diagnostics.Metrics;
using ModelContextProtocol;
using Npgsql;
using NpgsqlTypes;
using Pgvector;
using Zava.Database;

namespace Zava.McpServer.Search;

/// <summary>Finds products by meaning and by words.</summary>
public sealed class ProductSearch(TenantDatabase database, QueryEmbedder embedder, IMeterFactory meters) : IDisposable
{
    readonly SearchTelemetry _telemetry = new(meters);
    readonly StoreSizes _sizes = new(database);

    /// <summary>How a page can be sorted: the SQL of it.</summary>
    static readonly Dictionary<string, string> Orders = new()
    {
        ["relevance"] = "s.score DESC",
        ["price_asc"] = "p.price",
        ["price_desc"] = "p.price DESC",
        ["rating"] = "p.rating_average DESC NULLS LAST",
    };

    // A page in another order than relevance is made of the best of these, less those that are probably not meant.
    const int Sorted = 100;

    /// <summary>What a search found.</summary>
    /// <param name="Products">In the order asked for.</param>
    /// <param name="ByMeaning">Whether meanings were compared; when the embedding provider does not answer, only words are.</param>
    /// <param name="ReadAs">What the query was read as, where it seemed misspelt.</param>
    public sealed record Found(IReadOnlyList<ProductMatch> Products, bool ByMeaning, string? ReadAs);

    /// <summary>The products that fit a text best, among the stores of a context.</summary>
    /// <param name="context">The caller, narrowed to the stores to search.</param>
    /// <param name="query">What is looked for: a need in plain words, words of a name, or an article number.</param>
    /// <param name="filter">What the products must have.</param>
    /// <param name="sort">relevance, price_asc, price_desc or rating.</param>
    /// <param name="limit">At most so many products.</param>
    /// <param name="minimumSimilarity">Leaves out products below this cosine similarity; <c>null</c> for none.</param>
    /// <param name="cancellationToken">Cancels the embedding and the query.</param>
    /// <exception cref="McpException">There is no category of the filter's name.</exception>
    public Task<Found> SearchAsync(
        TenantContext context, string query, ProductFilter filter, string sort, int limit, double? minimumSimilarity, CancellationToken cancellationToken) =>
        _telemetry.MeasureAsync(
            () => FindAsync(context, query, filter, sort, limit, minimumSimilarity, cancellationToken),
            found => (found.ByMeaning ? SearchTelemetry.MeaningAndWords : SearchTelemetry.Words, found.Products));

    async Task<Found> FindAsync(
        TenantContext context, string query, ProductFilter filter, string sort, int limit, double? minimumSimilarity, CancellationToken cancellationToken)
    {
        var (rows, byMeaning) = await SearchForAsync(query);
        if (rows.Count == 0 && filter.Category is { } category)
            await RequireCategoryAsync(context, category, cancellationToken);
        var readAs = rows.Select(row => row.ReadAs).FirstOrDefault(text => text is not null);
        // What is misspelt means nothing to the model; what it was read as does.
        if (byMeaning && readAs is not null && await SearchForAsync(readAs) is { ByMeaning: true } again)
            rows = again.Rows;
        return new([.. rows.Select(row => row.Match)], byMeaning, readAs);

        Task<(List<(ProductMatch Match, string? ReadAs)> Rows, bool ByMeaning)> SearchForAsync(string meaning) => WithActiveModelAsync(context, async () =>
        {
            var embedding = embedder.EmbedAsync(context.Stores, meaning, cancellationToken);
            // The connection is opened while the text is being embedded.
            var found = await database.QueryWhenReadyAsync(context, CommandAsync(embedding), Read, cancellationToken);
            return (found, await embedding is not null);
        }, cancellationToken);

        async Task<NpgsqlBatchCommand> CommandAsync(Task<HalfVector?> embedding)
        {
            var indexPays = _sizes.IndexPaysAsync(context, embedder.Model.Name, cancellationToken);
            await Task.WhenAll(embedding, indexPays);
            return Command(
                $"retail.search_products($6, $7, $4, $3, {ProductFilter.Sql(8)}, {(sort == "relevance" ? "$1" : $"greatest($1, {Sorted})")}, $5)",
                Orders[sort], context, limit, minimumSimilarity, await indexPays,
                [new() { Value = query }, new() { Value = (object?)await embedding ?? DBNull.Value, DataTypeName = "public.halfvec" }, .. filter.Parameters],
                onlyStrong: sort != "relevance");
        }
    }

    /// <summary>The products nearest in meaning to one, nearest first, without itself.</summary>
    /// <param name="context">The caller, narrowed to the stores to search.</param>
    /// <param name="storeId">The store of the product.</param>
    /// <param name="productId">The product, which has an embedding; nothing is found without.</param>
    /// <param name="filter">What the products must have.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    public Task<IReadOnlyList<ProductMatch>> FindSimilarAsync(
        TenantContext context, string storeId, Guid productId, ProductFilter filter, int limit, CancellationToken cancellationToken) =>
        _telemetry.MeasureAsync(
            () => FindNearestAsync(context, storeId, productId, filter, limit, cancellationToken), found => (SearchTelemetry.Similar, found));

    async Task<IReadOnlyList<ProductMatch>> FindNearestAsync(
        TenantContext context, string storeId, Guid productId, ProductFilter filter, int limit, CancellationToken cancellationToken)
    {
        var indexPays = await _sizes.IndexPaysAsync(context, embedder.Model.Name, cancellationToken);
        var rows = await database.QueryAsync(context, Command($"""
            (SELECT n.store_id, n.product_id, 1 - n.distance AS score, 1 - n.distance AS similarity, FALSE AS has_words, NULL AS read_as
               FROM retail.embedding_models active
               JOIN retail.product_embeddings of_it ON of_it.store_id = $6 AND of_it.product_id = $7 AND of_it.embedding_model = active.embedding_model
              CROSS JOIN LATERAL retail.nearest_products(
                    of_it.embedding, active.embedding_model, $3, {ProductFilter.Sql(8)}, $1 + 1, $5) AS n
              WHERE active.state = 'active' AND (n.store_id <> $6 OR n.product_id <> $7))
            """, Orders["relevance"], context, limit, minimumSimilarity: null, indexPays,
            [new() { Value = storeId }, new() { Value = productId }, .. filter.Parameters], onlyStrong: false), Read, cancellationToken);
        return [.. rows.Select(row => row.Match)];
    }

    public void Dispose() => _sizes.Dispose();

    NpgsqlBatchCommand Command(
        string source, string order, TenantContext context, int limit, double? minimumSimilarity, bool indexPays, IEnumerable<NpgsqlParameter> more, bool onlyStrong)
    {
        var command = new NpgsqlBatchCommand($"""
            SELECT p.store_id, p.product_id, p.sku, p.product_name, p.product_description, p.brand,
                   coalesce(parent.category_name, c.category_name), CASE WHEN parent.category_id IS NOT NULL THEN c.category_name END,
                   p.price, st.currency, coalesce(p.current_stock, 0), p.rating_average, s.score, s.similarity, weak.it_is, s.read_as
              FROM {source} AS s
              JOIN retail.products p ON p.store_id = s.store_id AND p.product_id = s.product_id
              JOIN retail.stores st ON st.store_id = s.store_id
              LEFT JOIN retail.embedding_models m ON m.state = 'active'
              LEFT JOIN retail.product_categories c ON c.category_id = p.category_id
              LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
             CROSS JOIN LATERAL (SELECT NOT s.has_words AND (s.similarity IS NULL OR s.score < m.similarity_floor) IS TRUE AS it_is) AS weak
             WHERE ($2 IS NULL OR s.similarity >= $2) {(onlyStrong ? "AND NOT weak.it_is" : "")}
             ORDER BY {order}, s.score DESC, s.store_id, s.product_id
             LIMIT $1
            """)
        {
            Parameters =
            {
                new() { Value = limit },
                new() { Value = (object?)minimumSimilarity ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double },
                new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = embedder.Model.Name },
                new() { Value = indexPays },
            },
        };
        foreach (var parameter in more)
            command.Parameters.Add(parameter);
        return command;
    }

    static (ProductMatch Match, string? ReadAs) Read(NpgsqlDataReader row) => (
        new(row.GetString(0), row.GetGuid(1), row.GetString(2), row.GetString(3), row.GetNullable<string>(4), row.GetNullable<string>(5),
            row.GetNullable<string>(6), row.GetNullable<string>(7), row.GetDecimal(8), row.GetString(9), row.GetInt32(10),
            row.GetNullable<decimal?>(11), Math.Round(row.GetDouble(12), 4), row.GetNullable<double?>(13) is { } cosine ? Math.Round(cosine, 4) : null,
            row.GetBoolean(14)),
        row.GetNullable<string>(15));

    // While models are changed, the database says which one search uses, and it may say so in the middle of the day.
    async Task<T> WithActiveModelAsync<T>(TenantContext context, Func<Task<T>> search, CancellationToken cancellationToken)
    {
        try
        {
            return await search();
        }
        catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.ObjectNotInPrerequisiteState)
        {
            var active = await database.QueryAsync(context, new NpgsqlBatchCommand(
                "SELECT embedding_model FROM retail.embedding_models WHERE state = 'active'"), row => row.GetString(0), cancellationToken);
            if (active is not [var model] || !embedder.ChangeTo(model))
                throw;
            return await search();
        }
    }

    async Task RequireCategoryAsync(TenantContext context, string category, CancellationToken cancellationToken)
    {
        var names = await database.QueryAsync(context, new NpgsqlBatchCommand("""
            SELECT category_name FROM retail.product_categories
             WHERE parent_category_id IS NULL AND NOT EXISTS (SELECT FROM retail.product_categories WHERE lower(category_name) = lower($1))
             ORDER BY category_name
            """) { Parameters = { new() { Value = category } } }, row => row.GetString(0), cancellationToken);
        if (names.Count > 0)
            throw new McpException($"category: there is no category of this name. Allowed: {string.Join(", ", names)}, or a sub-category that list_categories names.");
    }
}
