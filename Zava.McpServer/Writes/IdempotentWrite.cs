using System.Security.Cryptography;
using System.Text.Json;
using ModelContextProtocol;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Writes;

/// <summary>A call that changes something once, however often it is sent: by its key, which the caller chose.</summary>
/// <remarks>The functions that it calls, and how long keys are kept, are in Migrations/0013_idempotent_writes.sql.</remarks>
static class IdempotentWrite
{
    public const string KeyDescription = "Your own id of this change, such as a new UUID: 8 to 100 characters, good for 7 days. To repeat a call that got no answer, send it unchanged with the same key";

    /// <summary>Calls a function of the database that changes something, and returns its answer or that of the first call.</summary>
    /// <param name="context">The caller, and the one store of the change.</param>
    /// <param name="function">Its name; it takes store, key, hash of the request, and the arguments.</param>
    /// <param name="request">What was asked for: another request with the same key is refused.</param>
    /// <exception cref="McpException">The change was refused; nothing was changed.</exception>
    public static async Task<T> RunAsync<T>(
        TenantDatabase database, TenantContext context, string function, string key, object request, NpgsqlParameter[] arguments, CancellationToken cancellationToken)
    {
        var statement = new NpgsqlBatchCommand($"SELECT retail.{function}($1, $2, $3{string.Concat(arguments.Select((_, index) => $", ${index + 4}"))})")
        {
            Parameters =
            {
                new() { Value = context.Stores.Names.Single() },
                new() { Value = key },
                new() { Value = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(request, Extensions.ResultJson)) },
            },
        };
        foreach (var argument in arguments)
            statement.Parameters.Add(argument);
        try
        {
            var answer = JsonDocument.Parse((await database.WriteAsync(context, statement, row => row.GetString(0), cancellationToken)).Single()).RootElement;
            return answer.TryGetProperty("refused", out var why)
                ? throw new McpException(why.GetString()!)
                : answer.Deserialize<T>(Extensions.ResultJson)!;
        }
        catch (PostgresException refused) when (Explain(refused) is { } explanation)
        {
            throw new McpException(explanation);
        }
        // Before it was sent, or when only its answer was missing: nobody here can tell.
        catch (NpgsqlException lost) when (lost.SqlState is null or ['5', '7', 'P', ..] && !cancellationToken.IsCancellationRequested)
        {
            throw new McpException("The database cannot be reached, or gave no answer. Whether the change was made is not known. " +
                "Send the same call again in a minute, with the same idempotency_key: it is made once.");
        }
    }

    /// <summary>A value that may be left out, for a parameter of a type that PostgreSQL could not tell then.</summary>
    public static NpgsqlParameter Optional(object? value, NpgsqlDbType type) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };

    static string? Explain(PostgresException refused) => refused.SqlState switch
    {
        PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.QueryCanceled
            => "Another change of the same goods is not done yet. Nothing was changed; send the same call again, with the same idempotency_key.",
        PostgresErrorCodes.UniqueViolation when refused.ConstraintName == "idempotent_writes_pkey"
            => "idempotency_key: another call with this key was carried out at the same time. Nothing was changed. Allowed: a new key for a new change.",
        PostgresErrorCodes.NumericValueOutOfRange
            => "An amount would be larger than 99999999.99, the largest that can be kept. Nothing was changed.",
        _ => null,
    };
}
