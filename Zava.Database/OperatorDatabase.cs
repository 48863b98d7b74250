using Npgsql;

namespace Zava.Database;

/// <summary>What operators of the whole chain may read: monitoring views and the records of calls for several stores.</summary>
/// <remarks>It sees every store: only for a caller whose token names every store.</remarks>
/// <param name="connectionString">Of the login <c>zava_ops</c>.</param>
public sealed class OperatorDatabase(string connectionString) : IAsyncDisposable
{
    /// <summary>The name of that login's connection string.</summary>
    public const string ConnectionName = "retail_db_ops";

    readonly NpgsqlDataSource _dataSource = RetailDataSource.Create(connectionString);

    /// <summary>Runs one query, in a read-only transaction.</summary>
    /// <param name="query">SQL and positional parameters.</param>
    /// <param name="read">Makes a result of a row.</param>
    /// <param name="cancellationToken">Cancels the query in PostgreSQL as well.</param>
    /// <exception cref="PostgresException">PostgreSQL refused it; 55000 where statements are not recorded.</exception>
    public async Task<List<T>> QueryAsync<T>(NpgsqlBatchCommand query, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new("BEGIN READ ONLY"), query, new("COMMIT") } };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add(read(reader));
        // To the end: a query may also fail after its last row.
        while (await reader.NextResultAsync(cancellationToken))
        {
        }
        return rows;
    }

    /// <summary>Checks the login. That it cannot log in is no danger: whoever reads is told.</summary>
    /// <exception cref="DatabaseSetupException">Row-level security does not bind it; see <see cref="RoleSafety"/>.</exception>
    public async Task VerifyLoginAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RoleSafety.VerifyAsync(_dataSource, cancellationToken);
        }
        catch (NpgsqlException)
        {
        }
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();
}
