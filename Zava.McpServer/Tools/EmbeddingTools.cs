using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol.Server;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Tools;

/// <summary>Whether search already knows what the shop sells.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.OpsRead)]
public sealed class EmbeddingTools(TenantDatabase database)
{
    public sealed record EmbeddingStatus(
        IReadOnlyList<StoreEmbeddings> Stores,
        [property: Description("The model that search uses; null before the first start of the embedding worker")] string? ActiveModel,
        string Note);

    public sealed record StoreEmbeddings(
        string StoreId,
        long ActiveProducts,
        [property: Description("Active products that search finds by their present text")] long Embedded,
        [property: Description("Products whose new text search does not know yet, inactive ones included")] long Waiting,
        [property: Description("How long the one waits that has waited longest; null when none waits")] double? OldestWaitSeconds,
        [property: Description("Products whose text the embedding provider refuses; an operator has the reasons")] long Dead);

    [McpServerTool(Name = "get_embedding_status", Title = "How current search is", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("For each of your stores, how many products semantic search knows, how many new or edited ones still wait to be embedded and for how long, and how many were given up.")]
    public async Task<EmbeddingStatus> GetStatusAsync(
        [Description("Only this store, such as seattle; left out: all of yours"), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        var context = Caller.Require(user).For("get_embedding_status", store_id);
        var rows = await database.QueryAsync(context, new NpgsqlBatchCommand("""
            WITH asked AS MATERIALIZED (
                SELECT s.store_id, m.embedding_model
                  FROM retail.stores s LEFT JOIN retail.embedding_models m ON m.state = 'active'
                 WHERE s.store_id = ANY ((SELECT coalesce($1, retail.current_store_ids()))::text[]))
            SELECT a.store_id, a.embedding_model, p.active, p.embedded, q.waiting, q.oldest, q.dead
              FROM asked a
              CROSS JOIN LATERAL (
                   SELECT count(*) AS active, count(e.product_id) FILTER (WHERE w.product_id IS NULL) AS embedded
                     FROM retail.products p
                     LEFT JOIN retail.product_embeddings e ON e.store_id = p.store_id AND e.product_id = p.product_id AND e.embedding_model = a.embedding_model
                     LEFT JOIN retail.embedding_queue w ON w.store_id = p.store_id AND w.product_id = p.product_id AND w.embedding_model = a.embedding_model
                    WHERE p.store_id = a.store_id AND p.is_active) p
              CROSS JOIN LATERAL (
                   SELECT count(*) FILTER (WHERE dead_since IS NULL) AS waiting, count(dead_since) AS dead,
                          extract(epoch FROM statement_timestamp() - min(enqueued_at) FILTER (WHERE dead_since IS NULL))::float8 AS oldest
                     FROM retail.embedding_queue WHERE store_id = a.store_id AND embedding_model = a.embedding_model) q
             ORDER BY a.store_id
            """)
        {
            Parameters =
            {
                new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
            },
        }, row => (Model: row.GetNullable<string>(1), Store: new StoreEmbeddings(
            row.GetString(0), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.IsDBNull(5) ? null : Math.Round(Math.Max(0, row.GetDouble(5)), 1), row.GetInt64(6))),
        cancellationToken);
        List<StoreEmbeddings> stores = [.. rows.Select(row => row.Store)];
        return new(stores, rows.Select(row => row.Model).FirstOrDefault(), stores switch
        {
            _ when rows.All(row => row.Model is null) => "The embedding worker has not started yet.",
            _ when stores.Any(store => store.Dead > 0) => "The texts of some products are refused; an operator sees the reasons with ./zava embeddings status. Editing such a product tries again.",
            _ when stores.Any(store => store.OldestWaitSeconds > 300) => "Some products have waited for minutes: the embedding worker may be behind, or its provider down.",
            _ => "Search is current, or will be in moments.",
        });
    }
}
