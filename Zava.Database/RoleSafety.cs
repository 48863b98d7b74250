using Npgsql;

namespace Zava.Database;

/// <summary>Whether a login is one that row-level security binds.</summary>
public static class RoleSafety
{
    /// <summary>Checks the login of a data source.</summary>
    /// <exception cref="DatabaseSetupException">The login is a superuser, has BYPASSRLS, or owns or may become the owner of tables of the schema.</exception>
    public static async Task VerifyAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("""
            SELECT session_user::text,
                   r.rolsuper,
                   r.rolbypassrls,
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
            _ when reader.GetBoolean(1) => "is a superuser",
            _ when reader.GetBoolean(2) => "has BYPASSRLS",
            _ when !reader.IsDBNull(3) => $"may act as {reader.GetString(3)}, which owns tables of the schema retail",
            _ => null,
        };
        if (danger is not null)
            throw new DatabaseSetupException(
                $"Refusing to start: the database login '{login}' {danger}, so row-level security would not isolate the stores. " +
                $"Use '{DatabaseRole.Application}' for the MCP server and '{DatabaseRole.Worker}' for the embedding worker.");
    }
}
