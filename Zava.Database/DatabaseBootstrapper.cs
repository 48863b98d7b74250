using Npgsql;

namespace Zava.Database;

/// <summary>
/// What only the administrator can do: the database, the extensions, the roles and their passwords. Everything else is
/// done by <see cref="DatabaseMigrator"/> as the schema's owner. Can be repeated.
/// </summary>
/// <remarks>The administrator needs CREATEROLE, and CREATEDB when the database does not exist; not superuser.</remarks>
public sealed class DatabaseBootstrapper(string administratorConnectionString)
{
    /// <summary>The oldest pgvector with iterative scans, which filtered search needs at scale.</summary>
    public static readonly Version MinimumPgvector = new(0, 8);

    /// <param name="passwords">Login name to password; a login that is not named keeps the one it has.</param>
    /// <param name="cancellationToken">Stops between statements.</param>
    /// <returns>Whether the administrator is a superuser and so closed what only one can (Hardening.sql).</returns>
    /// <exception cref="DatabaseSetupException">The server cannot hold this database; the message says why.</exception>
    public async Task<bool> RunAsync(IReadOnlyDictionary<string, string> passwords, CancellationToken cancellationToken)
    {
        await CreateDatabaseAsync(cancellationToken);
        await using var dataSource = NpgsqlDataSource.Create(administratorConnectionString);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        foreach (var extension in (string[])["pgcrypto", "btree_gin", "pg_trgm"])
            await CreateExtensionAsync(connection, extension, minimum: null, cancellationToken);
        await CreateExtensionAsync(connection, "vector", MinimumPgvector, cancellationToken);

        await using (var roles = new NpgsqlCommand(SqlResource.Read("Bootstrap.sql"), connection))
            await roles.ExecuteNonQueryAsync(cancellationToken);

        foreach (var (login, password) in passwords)
        {
            // ALTER ROLE takes no parameters; both parts are quoted by PostgreSQL itself.
            await using var format = new NpgsqlCommand("SELECT format('ALTER ROLE %I PASSWORD %L', $1, $2)", connection)
            {
                Parameters = { new() { Value = login }, new() { Value = ScramVerifier.Create(password) } },
            };
            await using var alter = new NpgsqlCommand((string)(await format.ExecuteScalarAsync(cancellationToken))!, connection);
            await alter.ExecuteNonQueryAsync(cancellationToken);
        }

        await using (var monitoring = new NpgsqlCommand(SqlResource.Read("Monitoring.sql"), connection))
            await monitoring.ExecuteNonQueryAsync(cancellationToken);
        await using var hardening = new NpgsqlCommand(SqlResource.Read("Hardening.sql"), connection);
        return (bool)(await hardening.ExecuteScalarAsync(cancellationToken))!;
    }

    async Task CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        var target = new NpgsqlConnectionStringBuilder(administratorConnectionString);
        if (target.Database is not { Length: > 0 } database)
            throw new DatabaseSetupException("The connection string names no database; add Database=retail_db.");

        await using var dataSource = NpgsqlDataSource.Create(administratorConnectionString);
        try
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        }
        catch (PostgresException missing) when (missing.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            target.Database = "postgres";
            await using var server = NpgsqlDataSource.Create(target);
            await using var format = server.CreateCommand("SELECT format('CREATE DATABASE %I', $1)");
            format.Parameters.Add(new() { Value = database });
            await using var create = server.CreateCommand((string)(await format.ExecuteScalarAsync(cancellationToken))!);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    static async Task CreateExtensionAsync(
        NpgsqlConnection connection, string extension, Version? minimum, CancellationToken cancellationToken)
    {
        const string Azure = "on Azure Database for PostgreSQL, allow it in the server parameter azure.extensions";
        try
        {
            // Database creation gives these in public; functions name that schema, so that no search_path matters.
            await using var create = new NpgsqlCommand($"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public", connection);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException refused)
        {
            throw new DatabaseSetupException(
                $"PostgreSQL {connection.PostgreSqlVersion} has no usable extension '{extension}' ({refused.MessageText}): " +
                $"install it on the server{(extension == "vector" ? " (pgvector)" : "")}, have a superuser create it, or, {Azure}.", refused);
        }

        await using var installed = new NpgsqlCommand(
            "SELECT extversion, extnamespace::regnamespace::text FROM pg_extension WHERE extname = $1", connection)
        {
            Parameters = { new() { Value = extension } },
        };
        await using var reader = await installed.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (version, schema) = (reader.GetString(0), reader.GetString(1));
        if (schema != "public")
            throw new DatabaseSetupException($"Extension '{extension}' is in schema {schema}; move it: ALTER EXTENSION {extension} SET SCHEMA public.");
        if (minimum is not null && Version.Parse(version) < minimum)
            throw new DatabaseSetupException($"Extension '{extension}' is version {version}, but {minimum} or newer is needed: upgrade it on the server, then ALTER EXTENSION {extension} UPDATE.");
    }
}
