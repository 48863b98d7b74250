using Npgsql;

namespace Zava.Database;

/// <summary>The only way by which a request reaches tenant data: every statement runs under the caller's sealed context.</summary>
public sealed class TenantDatabase(NpgsqlDataSource dataSource, ContextSealer sealer)
{
    /// <summary>Runs one read-only query for a caller and reads its rows.</summary>
    /// <remarks>
    /// The whole transaction travels in one batch, one round trip. The context is local to it, and it is rolled back, settings
    /// of the session included: nothing is left for the next user of the connection, which is therefore not reset. The
    /// transaction is explicit because an implicit one could be ended, and with it its being read-only, by a DO block.
    /// </remarks>
    /// <param name="context">The caller.</param>
    /// <param name="query">SQL and positional parameters. Every tenant query names its stores too, for the planner.</param>
    /// <param name="read">Makes a result of a row.</param>
    /// <param name="cancellationToken">Cancels the query in PostgreSQL as well.</param>
    /// <exception cref="PostgresException">PostgreSQL refused the context (28000) or the query.</exception>
    public Task<List<T>> QueryAsync<T>(
        TenantContext context, NpgsqlBatchCommand query, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) =>
        QueryWhenReadyAsync(context, Task.FromResult(query), read, cancellationToken);

    /// <summary>As <see cref="QueryAsync"/>, for a query that is still being made: the connection is opened meanwhile.</summary>
    public async Task<List<T>> QueryWhenReadyAsync<T>(
        TenantContext context, Task<NpgsqlBatchCommand> query, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenForReadingAsync(cancellationToken);
        // Not retail.set_store_context, which would verify the context once more than the policies do.
        var rows = await RunAsync(connection, context, "BEGIN READ ONLY", "SELECT set_config('app.context', $1, true)", await query, ["ROLLBACK"], read, cancellationToken);
        // A plan that finds nothing may never have come to look at the context: that there is nothing is an answer only
        // where the context holds and its stores exist.
        if (rows.Count == 0)
            await sealer.VerifyAsync(connection, context, cancellationToken);
        return rows;
    }

    /// <summary>Runs one statement that writes for a caller, and reads its rows.</summary>
    /// <remarks>
    /// One round trip too, and one transaction: all of it or nothing. That it began, and for whom, is in the audit log, as is
    /// each change. Whether a statement that was cancelled took effect is not known: what writes must be safe to repeat.
    /// </remarks>
    /// <param name="context">The caller; a change names its user, tool and trace.</param>
    /// <param name="statement">SQL and positional parameters.</param>
    /// <param name="read">Makes a result of a row.</param>
    /// <param name="cancellationToken">Cancels the statement in PostgreSQL as well.</param>
    /// <exception cref="PostgresException">PostgreSQL refused the context (28000) or the statement; nothing was changed.</exception>
    public async Task<List<T>> WriteAsync<T>(
        TenantContext context, NpgsqlBatchCommand statement, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenForWritingAsync(cancellationToken);
        try
        {
            // Named, because a login may change the defaults: what waits for a lock must see what it waited for. Not READ WRITE:
            // a database that was made read-only, perhaps because its disk is nearly full, is to stay as it is.
            return await RunAsync(
                connection, context, "BEGIN ISOLATION LEVEL READ COMMITTED", "SELECT retail.set_store_context($1)", statement, ["COMMIT", "RESET ALL"], read, cancellationToken);
        }
        catch (PostgresException refused)
        {
            dataSource.EndReadOnlySessions(refused);
            throw;
        }
    }

    async Task<List<T>> RunAsync<T>(
        NpgsqlConnection connection, TenantContext context, string begin, string setContext, NpgsqlBatchCommand statement, string[] end,
        Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(begin),
                new(setContext) { Parameters = { new() { Value = sealer.Seal(context, connection.ProcessID) } } },
                statement,
            },
        };
        foreach (var command in end)
            batch.BatchCommands.Add(new(command));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add(read(reader));
        // To the end: a query may also fail after its last row, and the answer to how the transaction ends is part of the batch.
        while (await reader.NextResultAsync(cancellationToken))
        {
        }
        return rows;
    }
}
