using Npgsql;
using Zava.Database;

namespace Zava.McpServer.Telemetry;

/// <summary>The reasons for which isolation refuses, as metrics name them.</summary>
static class Refusal
{
    /// <summary>The token lacks the scope.</summary>
    public const string Scope = "scope";

    /// <summary>A store that the token does not name.</summary>
    public const string Store = "store";

    /// <summary>PostgreSQL did not accept the sealed context.</summary>
    const string Context = "context";

    /// <returns><c>null</c> for what is no refusal.</returns>
    public static string? ReasonOf(Exception exception) => exception switch
    {
        StoreNotAllowedException => Store,
        PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } => Context,
        // Free SQL
        QueryRefusedException { InnerException: PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } } => "sql_forbidden",
        QueryRefusedException { InnerException: PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } } => "sql_writes",
        QueryRefusedException { InnerException: null } => "sql_cost",
        QueryRefusedException { InnerException: PostgresException } => "sql_invalid",
        _ => null,
    };
}
