using Npgsql;

namespace Zava.Database;

/// <summary>Makes the logins for free SQL: one for each store and one for all, under the current context key.</summary>
/// <remarks>
/// Roles are made by the administrator, and which store each belongs to is told by the seeder's login. Can be repeated, and
/// has to be when a store or a key is added.
/// </remarks>
public sealed class QueryLoginInstaller(string administratorConnectionString, string seederConnectionString)
{
    public async Task InstallAsync(ContextKey key, CancellationToken cancellationToken)
    {
        await using var seeder = NpgsqlDataSource.Create(seederConnectionString);
        await using var administrator = NpgsqlDataSource.Create(administratorConnectionString);
        await using var connection = await administrator.OpenConnectionAsync(cancellationToken);

        var stores = new List<string>();
        await using (var list = seeder.CreateCommand("SELECT retail.list_query_stores()"))
        await using (var reader = await list.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken))
                stores.Add(reader.GetString(0));

        foreach (var store in stores)
        {
            var login = QueryLogin.Of(key, store);
            await CreateRoleAsync(connection, login, cancellationToken);
            await using var install = seeder.CreateCommand("SELECT retail.install_query_login($1::text::name, $2, $3)");
            install.Parameters.Add(new() { Value = login.Name });
            install.Parameters.Add(new() { Value = key.Id });
            install.Parameters.Add(new() { Value = store });
            await install.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    // The name is made of hexadecimal digits and the verifier of base64 and punctuation: nothing in them ends a literal.
    static async Task CreateRoleAsync(NpgsqlConnection connection, QueryLogin login, CancellationToken cancellationToken)
    {
        await using var create = new NpgsqlCommand($"""
            DO $$ BEGIN CREATE ROLE {login.Name} LOGIN INHERIT; EXCEPTION WHEN duplicate_object THEN END $$;
            ALTER ROLE {login.Name} RESET ALL;
            ALTER ROLE {login.Name} PASSWORD '{ScramVerifier.Create(login.Password)}' CONNECTION LIMIT 8;
            ALTER ROLE {login.Name} SET default_transaction_read_only = on;
            ALTER ROLE {login.Name} SET statement_timeout = '10s';
            ALTER ROLE {login.Name} SET idle_in_transaction_session_timeout = '15s';
            ALTER ROLE {login.Name} SET search_path = retail, public;
            GRANT {QueryLogin.Group} TO {login.Name};
            DO $$ BEGIN
                -- What only a superuser may set: queries stay out of the server's log and out of colleagues' sight, and their
                -- files are bounded.
                IF current_setting('is_superuser') = 'on' THEN
                    ALTER ROLE {login.Name} SET log_min_error_statement = 'panic';
                    ALTER ROLE {login.Name} SET log_min_messages = 'panic';
                    ALTER ROLE {login.Name} SET track_activities = off;
                    ALTER ROLE {login.Name} SET temp_file_limit = '1GB';
                END IF;
            END $$;
            """, connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
        await using var format = new NpgsqlCommand("SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), $1)", connection)
        {
            Parameters = { new() { Value = login.Name } },
        };
        await using var connect = new NpgsqlCommand((string)(await format.ExecuteScalarAsync(cancellationToken))!, connection);
        await connect.ExecuteNonQueryAsync(cancellationToken);
    }
}
