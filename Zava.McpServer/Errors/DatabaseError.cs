using Npgsql;

namespace Zava.McpServer.Errors;

/// <summary>What a caller can make of an error of PostgreSQL.</summary>
static class DatabaseError
{
    /// <returns><c>null</c> for what only an operator can do something about.</returns>
    public static string? Explain(Exception exception) => exception switch
    {
        PostgresException refused when IsOfNoStore(refused) =>
            "store_id: a store that was asked for, or that the token names, does not exist or is not active " +
            $"({refused.MessageText[(refused.MessageText.IndexOf(':') + 2)..]}). Allowed: an active store that the token names.",
        PostgresException { SqlState: PostgresErrorCodes.ObjectNotInPrerequisiteState } =>
            "Search is not ready: no product has been embedded with the configured embedding model yet. Try again in a minute.",
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } or NpgsqlException { InnerException: TimeoutException } =>
            "The query took too long and was stopped. Ask for less: one store, fewer days, a lower limit.",
        PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable } =>
            "Others are changing the same rows at this moment. Nothing was changed by this call; try again.",
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } =>
            "The database's disk is full. Nothing was changed by this call. What only reads may get through when it asks for less; a change cannot until " +
            "the operator has made room: tell them, and send the same call again then, with the same idempotency_key.",
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } =>
            "The database takes no changes at present: it may only be read. Nothing was changed by this call, and what only reads still works. Tell the " +
            "operator, and send the same call again when changes are taken, with the same idempotency_key.",
        PostgresException { SqlState: PostgresErrorCodes.OutOfMemory or PostgresErrorCodes.ConfigurationLimitExceeded } =>
            "The call takes more memory or temporary space than the database has left. Nothing was changed by it. Ask for less: one store, fewer days, a lower limit.",
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } =>
            "The database has no connection left. Nothing was changed by this call; try again in a few seconds.",
        PostgresException { SqlState: PostgresErrorCodes.IoError } =>
            "The database cannot read or write its disk. Nothing was changed by this call. Tell the operator.",
        PostgresException { SqlState: PostgresErrorCodes.NumericValueOutOfRange or PostgresErrorCodes.DatetimeFieldOverflow or PostgresErrorCodes.CharacterNotInRepertoire } =>
            "An argument has a value that the database cannot take: a number or date beyond its range, or characters that are not text.",
        NpgsqlException { IsTransient: true } or NpgsqlException { SqlState: null, InnerException: null or AggregateException } => // the latter: none of several hosts
            "The database cannot be reached, or is restarting. Try again in a minute.",
        _ => null,
    };

    /// <summary>Whether the database has refused a context because its store does not exist or is not active.</summary>
    public static bool IsOfNoStore(PostgresException refused) => refused.SqlState == PostgresErrorCodes.InvalidAuthorizationSpecification
        && refused.MessageText.StartsWith("Invalid or inactive store", StringComparison.Ordinal);
}
