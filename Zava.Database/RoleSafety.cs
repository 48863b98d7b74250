using Npgsql;

namespace Zava.Database;

/// <summary>Whether a login is one that row-level security binds.</summary>
public static class RoleSafety
{
    /// <summary>Checks the login of a data source.</summary>
    /// <exception cref="DatabaseSetupException">The login is a superuser, has BYPASSRLS or another way past it, or may act as the owner of tables of the schema.</exception>
    public static async Task VerifyAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            SELECT session_user::text,
                   CASE WHEN r.rolsuper THEN 'is a superuser'
                        WHEN r.rolbypassrls THEN 'has BYPASSRLS'
                        WHEN r.rolcreaterole THEN 'has CREATEROLE, with which it can become another role'
                        WHEN r.rolreplication THEN 'has REPLICATION, with which it can copy every row'
                   END,
                   (SELECT string_agg(dangerous.rolname::text, ', ') FROM pg_roles dangerous
                     WHERE dangerous.rolname IN ('zava_owner', 'zava_keeper', 'zava_audit', 'zava_backup', 'pg_read_all_data',
                                                 'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
                       AND pg_has_role(session_user, dangerous.oid, 'MEMBER')),
                   (SELECT string_agg(DISTINCT pg_get_userbyid(c.relowner)::text, ', ')
                      FROM pg_class c
                     WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'retail')
                       AND pg_has_role(session_user, c.relowner, 'MEMBER'))
              FROM pg_roles r
             WHERE r.rolname = session_user
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);

        var login = reader.GetString(0);
        var danger = reader switch
        {
            _ when !reader.IsDBNull(1) => reader.GetString(1),
            _ when !reader.IsDBNull(2) => $"may act as {reader.GetString(2)}",
            _ when !reader.IsDBNull(3) => $"may act as {reader.GetString(3)}, which owns tables of the schema retail",
            _ => null,
        };
        if (danger is not null)
            throw new DatabaseSetupException(
                $"Refusing to start: the database login '{login}' {danger}, so row-level security would not isolate the stores. " +
                $"Use '{DatabaseRole.Application}' for the MCP server, '{DatabaseRole.Operator}' for its operations page and '{DatabaseRole.Worker}' for the embedding worker.");
    }
}
