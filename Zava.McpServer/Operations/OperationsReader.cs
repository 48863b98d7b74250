using Npgsql;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Operations;

/// <summary>Reads what the page shows: under the caller's sealed context, and as <c>zava_ops</c> only for callers of every store.</summary>
sealed class OperationsReader(TenantDatabase database, OperatorDatabase? operators = null)
{
    public const string Operation = "operations_page";

    /// <summary>Whether the caller may see what is not of one store.</summary>
    public bool SeesAll(Caller caller) => operators is not null && caller.Stores.IsEvery;

    public Task<List<string>> ReadStoresAsync(Caller caller, CancellationToken cancellationToken) => database.QueryAsync(
        caller.For(Operation, null), new NpgsqlBatchCommand("SELECT store_id FROM retail.stores ORDER BY store_id"), row => row.GetString(0), cancellationToken);

    public sealed record SampleData(DateTime LoadedAt, int Scale, DateOnly AsOf);

    /// <summary>The sample data that is there, and that which is being loaded; either may be <c>null</c>.</summary>
    /// <remarks>Touches no table that a load locks.</remarks>
    public async Task<(SampleData? Loaded, LoadProgress? Loading)> ReadSampleDataAsync(Caller caller, CancellationToken cancellationToken) => (await database.QueryAsync(
        caller.For(Operation, null),
        new NpgsqlBatchCommand($"SELECT s.loaded_at, s.scale, s.as_of, {LoadProgress.Column} FROM (VALUES (1)) AS always LEFT JOIN retail.sample_data s ON true"),
        row => (row.IsDBNull(0) ? null : new SampleData(row.GetDateTime(0), row.GetInt32(1), row.GetFieldValue<DateOnly>(2)), LoadProgress.From(row.GetNullable<string[]>(3))),
        cancellationToken)).Single();

    /// <summary>Reads tables of the shop; or says how far the load is that has locked them, also when that begins meanwhile.</summary>
    public async Task<T> UnlessLoadingAsync<T>(Caller caller, Func<CancellationToken, Task<T>> read, Func<LoadProgress, T> otherwise, CancellationToken cancellationToken)
    {
        if ((await ReadSampleDataAsync(caller, cancellationToken)).Loading is { } already)
            return otherwise(already);
        using var givenUp = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = read(givenUp.Token);
        while (await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(1), cancellationToken)) != reading)
            if ((await ReadSampleDataAsync(caller, cancellationToken)).Loading is { } begun)
            {
                await givenUp.CancelAsync();
                await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return otherwise(begun);
            }
        return await reading;
    }

    public sealed record StoreProgress(string StoreId, string Model, bool IsActive, long Products, long Embedded, long Waiting, double? OldestWaitSeconds, long Dead);

    public Task<List<StoreProgress>> ReadProgressAsync(Caller caller, CancellationToken cancellationToken) => database.QueryAsync(
        caller.For(Operation, null),
        new NpgsqlBatchCommand("""
            SELECT s.store_id, m.embedding_model, m.state = 'active', p.products, p.embedded, q.waiting, q.oldest, q.dead
              FROM retail.stores s
              JOIN retail.embedding_models m ON m.state <> 'inactive'
             CROSS JOIN LATERAL (
                   SELECT count(*) AS products, count(e.product_id) AS embedded
                     FROM retail.products p
                     LEFT JOIN retail.product_embeddings e
                       ON e.store_id = p.store_id AND e.product_id = p.product_id AND e.embedding_model = m.embedding_model
                    WHERE p.store_id = s.store_id AND p.is_active) p
             CROSS JOIN LATERAL (
                   SELECT count(*) FILTER (WHERE dead_since IS NULL) AS waiting, count(dead_since) AS dead,
                          extract(epoch FROM statement_timestamp() - min(enqueued_at) FILTER (WHERE dead_since IS NULL))::float8 AS oldest
                     FROM retail.embedding_queue WHERE store_id = s.store_id AND embedding_model = m.embedding_model) q
             ORDER BY m.state, m.embedding_model, s.store_id
            """),
        row => new StoreProgress(
            row.GetString(0), row.GetString(1), row.GetBoolean(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5), row.GetNullable<double?>(6), row.GetInt64(7)),
        cancellationToken);

    public sealed record StoreSize(string StoreId, string Name, long Products, long Customers, long Sales, long Embeddings);

    public Task<List<StoreSize>> ReadSizesAsync(Caller caller, CancellationToken cancellationToken) => database.QueryAsync(
        caller.For(Operation, null),
        new NpgsqlBatchCommand("""
            SELECT s.store_id, s.store_name,
                   (SELECT count(*) FROM retail.products p WHERE p.store_id = s.store_id),
                   (SELECT count(*) FROM retail.customers c WHERE c.store_id = s.store_id),
                   (SELECT count(*) FROM retail.sales_transactions t WHERE t.store_id = s.store_id),
                   (SELECT count(*) FROM retail.product_embeddings e WHERE e.store_id = s.store_id)
              FROM retail.stores s
             ORDER BY s.store_id
            """),
        row => new StoreSize(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5)), cancellationToken);

    /// <summary>The migrations of this version that have not run.</summary>
    public async Task<IReadOnlyList<string>> ReadMissingMigrationsAsync(Caller caller, CancellationToken cancellationToken)
    {
        var applied = await database.QueryAsync(
            caller.For(Operation, null), new NpgsqlBatchCommand("SELECT scriptname FROM retail.schema_versions"), row => row.GetString(0), cancellationToken);
        return [.. DatabaseMigrator.Names.Except(applied).Order(StringComparer.Ordinal)];
    }

    public sealed record AuditEntry(DateTime At, string? StoreId, string Table, string Action, string By, string? Tool);

    /// <summary>The newest entries of the caller's stores, newest first; what changed is not shown.</summary>
    public Task<List<AuditEntry>> ReadAuditAsync(Caller caller, CancellationToken cancellationToken) => OfCallerAsync(caller, $"""
        SELECT a.created_at, a.store_id, a.table_name, a.action, coalesce(a.acting_user, a.user_name), a.tool
          FROM unnest($1) AS of_store (store_id)
         CROSS JOIN LATERAL (SELECT * FROM (
               SELECT created_at, store_id, table_name, action, acting_user, user_name, tool FROM retail.audit_log
                WHERE store_id = of_store.store_id ORDER BY created_at DESC LIMIT 20) AS newest) AS a
         UNION ALL
        (SELECT created_at, store_id, table_name, action, coalesce(acting_user, user_name), tool FROM retail.audit_log
          WHERE store_id IS NULL ORDER BY created_at DESC LIMIT 20)
         ORDER BY 1 DESC LIMIT 20
        """,
        row => new AuditEntry(row.GetDateTime(0), row.GetNullable<string>(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetNullable<string>(5)), cancellationToken);

    /// <summary>Runs a query whose first parameter is the caller's stores; it must name them in each condition.</summary>
    public async Task<List<T>> OfCallerAsync<T>(Caller caller, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        var stores = await ReadStoresAsync(caller, cancellationToken);
        var query = new NpgsqlBatchCommand(sql) { Parameters = { new() { Value = stores.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text } } };
        return SeesAll(caller)
            ? await operators!.QueryAsync(query, read, cancellationToken)
            : await database.QueryAsync(caller.For(Operation, null), query, read, cancellationToken);
    }

    /// <summary>Rows of a monitoring view as text; only where <see cref="SeesAll"/>.</summary>
    /// <param name="sql">Columns of text only.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    public Task<List<string[]>> ReadViewAsync(string sql, CancellationToken cancellationToken) => operators!.QueryAsync(
        new NpgsqlBatchCommand(sql),
        row => Enumerable.Range(0, row.FieldCount).Select(column => row.GetNullable<string>(column) ?? "–").ToArray(), cancellationToken);
}
