using Npgsql;

namespace Zava.Database;

/// <summary>Has PostgreSQL verify a context for its own sake, where a statement may not have come to look at it.</summary>
static class ContextVerification
{
    /// <exception cref="PostgresException">The context does not hold, or a store of it does not exist or is not active (28000).</exception>
    public static async Task VerifyAsync(this ContextSealer sealer, NpgsqlConnection connection, TenantContext context, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("BEGIN READ ONLY"),
                new("SELECT retail.set_store_context($1)") { Parameters = { new() { Value = sealer.Seal(context, connection.ProcessID) } } },
                new("ROLLBACK"),
            },
        };
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }
}
