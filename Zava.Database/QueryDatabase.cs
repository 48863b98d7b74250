using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Zava.Database;

/// <summary>
/// Runs SQL that a caller wrote. Nothing here reads the SQL: what it can reach is decided by the login it runs as, the
/// sealed context of its transaction and the server's protocol.
/// </summary>
/// <remarks>
/// One statement, because the extended protocol takes no more; only a query, because it is declared as a cursor; nothing
/// stays, because the transaction is read-only and rolled back, settings, large objects and notifications included, and
/// advisory locks, which outlive it, are released. So the session is not reset beyond that, which would cost PostgreSQL the
/// plans of its own checks in every call.
/// </remarks>
public sealed class QueryDatabase(NpgsqlDataSource application, ContextKey key, ContextSealer sealer, IOptions<QueryOptions> options) : IAsyncDisposable
{
    const string Declare = "DECLARE zava_query NO SCROLL CURSOR FOR ";
    const string Explain = "EXPLAIN (FORMAT JSON) ";
    const string BySize = "size";
    // Advisory locks outlive a transaction.
    const string End = "ROLLBACK; SELECT pg_advisory_unlock_all()";

    readonly ConcurrentDictionary<string, Lazy<Task<NpgsqlDataSource>>> _sources = new();

    /// <param name="context">The caller, narrowed to one store or for every store.</param>
    /// <param name="asEveryStore">Whether the caller may see every store: then the login is theirs, whatever the context is narrowed to.</param>
    /// <param name="sql">One SELECT, VALUES or WITH.</param>
    /// <param name="maximumRows">At most so many rows.</param>
    /// <param name="cancellationToken">Cancels the query in PostgreSQL as well.</param>
    /// <exception cref="QueryRefusedException">The query is wrong, too dear, or not allowed.</exception>
    /// <exception cref="PostgresException">PostgreSQL refused the context (28000).</exception>
    public async Task<QueryAnswer> RunAsync(TenantContext context, bool asEveryStore, string sql, int maximumRows, CancellationToken cancellationToken)
    {
        if (!context.Stores.IsEvery && context.Stores.Names.Count > 1)
            throw new ArgumentException("A query runs for one store or for every store.", nameof(context));
        var source = await SourceAsync(asEveryStore || context.Stores.IsEvery ? QueryLogin.EveryStore : context.Stores.Names[0]);
        await using var connection = await OpenAsync(source, cancellationToken);
        var (failed, ended) = (default(PostgresException), false);
        try
        {
            await DeclareAsync(connection, context, sql, cancellationToken);
            var answer = await FetchAsync(connection, maximumRows, cancellationToken);
            ended = answer.TruncatedBy != BySize;
            // As for our own queries: nothing is an answer only where the context holds.
            if (answer.Rows.Count == 0)
                await sealer.VerifyAsync(connection, context, cancellationToken);
            return answer;
        }
        catch (PostgresException refused) when (refused.BatchCommand is not { Parameters.Count: > 0 } && !IsOfServer(refused))
        {
            failed = refused;
        }
        finally
        {
            if (!ended)
                await EndAsync(connection);
        }
        // Which context was refused: the call's, or one that the SQL put in its place?
        if (failed.SqlState == PostgresErrorCodes.InvalidAuthorizationSpecification)
            await sealer.VerifyAsync(connection, context, cancellationToken);
        throw new QueryRefusedException(Describe(failed, sql), failed);
    }

    async Task DeclareAsync(NpgsqlConnection connection, TenantContext context, string sql, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("BEGIN READ ONLY"),
                // Verified by the policies; see TenantDatabase.
                new("SELECT set_config('app.context', $1, true)") { Parameters = { new() { Value = sealer.Seal(context, connection.ProcessID) } } },
                new(Explain + Declare + sql),
                // Plans it; it begins to run with the first FETCH.
                new(Declare + sql),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        using var plan = JsonDocument.Parse(reader.GetString(0), new() { MaxDepth = 10_000 });
        var cost = plan.RootElement[0].GetProperty("Plan").GetProperty("Total Cost").GetDouble();
        while (await reader.NextResultAsync(cancellationToken))
        {
        }
        // Not by how much: estimates are made from the size of tables that all stores share.
        if (cost > options.Value.MaximumCost)
            throw new QueryRefusedException(
                "The query would read too much: PostgreSQL estimates that it costs more than is allowed. Ask for less: a store_id, a range of dates, fewer joins, no cross join.");
    }

    async Task<QueryAnswer> FetchAsync(NpgsqlConnection connection, int maximumRows, CancellationToken cancellationToken)
    {
        var limits = options.Value;
        const int Null = 4; // as it is written
        // One more than wanted tells whether there are more. The end goes with it, so that it is no round trip of its own.
        await using var fetch = new NpgsqlCommand($"FETCH FORWARD {(maximumRows + 1).ToString(CultureInfo.InvariantCulture)} FROM zava_query; {End}", connection)
        {
            // As PostgreSQL writes it, so that no type is unknown here: vectors and what extensions add.
            AllResultTypesAreUnknown = true,
        };
        // Sequential: a value of a gigabyte is not brought into memory to be cut.
        await using var reader = await fetch.ExecuteReaderAsync(System.Data.CommandBehavior.SequentialAccess, cancellationToken);
        var columns = Enumerable.Range(0, reader.FieldCount).Select(i => (Name: reader.GetName(i), Type: reader.GetDataTypeName(i))).ToList();
        var rows = new List<object?[]>();
        var (size, shortened) = (0, 0);
        var buffer = new char[limits.MaximumValueCharacters + 1];
        while (await reader.ReadAsync(cancellationToken))
        {
            if (rows.Count == maximumRows)
                return new(columns, rows, "rows", shortened);
            var row = new object?[columns.Count];
            for (var i = 0; i < row.Length; i++)
            {
                var length = 0;
                if (!await reader.IsDBNullAsync(i, cancellationToken))
                {
                    using var text = await reader.GetTextReaderAsync(i, cancellationToken);
                    length = await text.ReadBlockAsync(buffer, cancellationToken);
                    if (length > limits.MaximumValueCharacters)
                        (row[i], shortened) = ($"{buffer.AsSpan(0, limits.MaximumValueCharacters)}…", shortened + 1);
                    else
                        row[i] = ToValue(columns[i].Type, new string(buffer, 0, length));
                }
                size += Math.Max(length, Null);
                if (size > limits.MaximumCharacters)
                {
                    await StopAsync(fetch, reader);
                    return new(columns, rows, BySize, shortened);
                }
            }
            rows.Add(row);
        }
        return new(columns, rows, null, shortened);
    }

    static async Task StopAsync(NpgsqlCommand fetch, NpgsqlDataReader reader)
    {
        fetch.Cancel();
        try
        {
            await reader.CloseAsync();
        }
        catch (PostgresException cancelled) when (cancelled.SqlState == PostgresErrorCodes.QueryCanceled)
        {
        }
    }

    static async Task EndAsync(NpgsqlConnection connection)
    {
        if (connection.State != System.Data.ConnectionState.Open)
            return;
        await using var end = new NpgsqlCommand(End, connection);
        await end.ExecuteNonQueryAsync(CancellationToken.None);
    }

    static object ToValue(string type, string text) => type switch
    {
        "boolean" => text == "t",
        "smallint" or "integer" or "bigint" when long.TryParse(text, CultureInfo.InvariantCulture, out var whole) => whole,
        _ when type.StartsWith("numeric", StringComparison.Ordinal) && decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out var exact)
            && exact.ToString(CultureInfo.InvariantCulture) == text => exact,
        "real" or "double precision" when double.TryParse(text, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
        // ISO 8601 with T and Z; the session's time zone is UTC.
        "timestamp with time zone" when text.EndsWith("+00", StringComparison.Ordinal) => $"{text[..^3].Replace(' ', 'T')}Z",
        "timestamp without time zone" => text.Replace(' ', 'T'),
        // Hundreds of numbers that nobody reads.
        _ when text.StartsWith('[') && (type.Contains("vec", StringComparison.Ordinal)) && text.Split(',') is { Length: > 8 } numbers
            => $"{string.Join(',', numbers.Take(3))},… {numbers.Length} numbers]",
        _ => text,
    };

    // Resources, operators and the system: no fault of the query, and the message may name files of the server.
    static bool IsOfServer(PostgresException failed) => failed.SqlState[..2] is "53" or "58" || failed.SqlState.StartsWith("57P", StringComparison.Ordinal);

    static string Describe(PostgresException failed, string sql)
    {
        var said = failed.SqlState switch
        {
            PostgresErrorCodes.QueryCanceled => "The query was stopped, because it ran longer than 10 seconds or was cancelled. Ask for less: a store_id, a range of dates, fewer joins.",
            PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.InvalidCursorDefinition or PostgresErrorCodes.FeatureNotSupported
                => $"{failed.MessageText}. Allowed: one query that only reads (SELECT, VALUES or WITH).",
            PostgresErrorCodes.SyntaxError => $"{failed.MessageText}. Allowed: one statement, which is a query (SELECT, VALUES or WITH).",
            PostgresErrorCodes.ProtocolViolation => "Placeholders such as $1 are not supported: write the values into the query.",
            PostgresErrorCodes.InsufficientPrivilege
                => $"{failed.MessageText}. What tells who customers are cannot be queried; retail.customers_masked has the rest. get_multiple_table_schemas describes the tables.",
            PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn => $"{failed.MessageText}. get_multiple_table_schemas describes the tables.",
            _ => failed.MessageText,
        };
        var hint = string.IsNullOrEmpty(failed.Hint) ? "" : $" Hint: {failed.Hint}";
        return $"sql: {Where(failed, sql)}{Short(said)}{Short(hint)} (SQLSTATE {failed.SqlState})";
    }

    // A message may quote a value of any size.
    static string Short(string text) => text.Length <= 500 ? text : $"{text[..500]}…";

    // PostgreSQL counts characters from the beginning of what was sent, which is more than what the caller wrote.
    static string Where(PostgresException failed, string sql)
    {
        var sent = failed.BatchCommand?.CommandText ?? "";
        var at = failed.Position - (sent.Length - sql.Length) - 1;
        if (failed.Position == 0 || at < 0 || at > sql.Length)
            return "";
        var before = sql[..at];
        return $"line {before.Count(c => c == '\n') + 1}, column {at - before.LastIndexOf('\n')}: ";
    }

    static async Task<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        try
        {
            return await source.OpenForReadingAsync(cancellationToken);
        }
        catch (NpgsqlException busy) when (busy.InnerException is TimeoutException)
        {
            throw new QueryRefusedException("Too many queries of this store are running. Try again in a few seconds.", busy);
        }
    }

    async Task<NpgsqlDataSource> SourceAsync(string store)
    {
        var source = _sources.GetOrAdd(store, name => new(() => CreateSourceAsync(QueryLogin.Of(key, name))));
        try
        {
            return await source.Value;
        }
        catch
        {
            _sources.TryRemove(new(store, source));
            throw;
        }
    }

    async Task<NpgsqlDataSource> CreateSourceAsync(QueryLogin login)
    {
        var builder = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder(application.ConnectionString)
        {
            Username = login.Name,
            Password = login.Password,
            MinPoolSize = 0,
            MaxPoolSize = options.Value.Concurrency,
            ConnectionIdleLifetime = 60,
            Timeout = 5,
            CommandTimeout = 20,
            MaxAutoPrepare = 0,
            NoResetOnClose = true, // see End
            Timezone = "UTC",
            // Tells a wrong query from a refused context.
            IncludeFailedBatchedCommand = true,
        }.ConnectionString)
        {
            Name = "retail_query",
        };
        RetailDataSource.HideSql(builder);
        var source = builder.Build();
        try
        {
            await RoleSafety.VerifyAsync(source, CancellationToken.None);
            return source;
        }
        catch (Exception failed)
        {
            await source.DisposeAsync();
            throw failed is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification }
                ? new QueryRefusedException("store_id: there is no such store, or it is so new that it cannot be queried before the operator has run the seeder again, which makes a login for each store.", failed)
                : failed;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var source in _sources.Values)
            if (source is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
                await source.Value.Result.DisposeAsync();
    }
}
