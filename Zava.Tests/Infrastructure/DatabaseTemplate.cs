using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Zava.Database;

[assembly: AssemblyFixture(typeof(Zava.Tests.Infrastructure.DatabaseTemplate))]

namespace Zava.Tests.Infrastructure;

/// <summary>
/// A database that the real bootstrap and the real migrations made, once; tests copy it. The bootstrap runs as an
/// administrator who is no superuser, because managed PostgreSQL gives none.
/// </summary>
public sealed class DatabaseTemplate : IAsyncLifetime
{
    const string Prefix = "zava_test_";
    const string Template = Prefix + "template";
    const string Administrator = "zava_test_administrator";

    PostgresServer _server = null!;
    int _copies;

    // The same in every run: the names of the logins for free SQL follow from it, and roles outlive their databases.
    public ContextKey Key { get; } = new("test", SHA256.HashData("the key of Zava's tests"u8));

    public IReadOnlyDictionary<string, string> Passwords { get; } = new[]
        {
            DatabaseRole.Application, DatabaseRole.Worker, DatabaseRole.Seeder, "zava_maintenance", "zava_backup", "zava_ops",
        }
        .ToDictionary(login => login, _ => RandomNumberGenerator.GetHexString(32));

    public IEnumerable<QueryLogin> QueryLogins =>
        ((string[])["seattle", "redmond", "bellevue", "online", QueryLogin.EveryStore]).Select(store => QueryLogin.Of(Key, store));

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync(TestContext.Current.CancellationToken);
        await DropLeftoversAsync();
        var password = RandomNumberGenerator.GetHexString(32);
        // Kept from run to run: from PostgreSQL 16 on, only the role that made the others may grant them.
        await _server.ExecuteAsync($"""
            DO $$ BEGIN CREATE ROLE {Administrator} LOGIN CREATEROLE CREATEDB; EXCEPTION WHEN duplicate_object THEN END $$;
            ALTER ROLE {Administrator} PASSWORD '{password}'
            """);
        await _server.ExecuteAsync($"CREATE DATABASE {Template} OWNER {Administrator}");
        await using (var superuser = NpgsqlDataSource.Create(_server.Administrator(Template)))
        await using (var allow = superuser.CreateCommand("CREATE EXTENSION vector"))
            await allow.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var administrator = new NpgsqlConnectionStringBuilder(_server.Administrator(Template)) { Username = Administrator, Password = password, Pooling = false };
        await new DatabaseBootstrapper(administrator.ConnectionString).RunAsync(Passwords, TestContext.Current.CancellationToken);
        var seeder = ConnectionString(Template, DatabaseRole.Seeder);
        new DatabaseMigrator(seeder, NullLogger<DatabaseMigrator>.Instance).Run();
        await new ContextKeyStore(seeder).InstallAsync(Key, TestContext.Current.CancellationToken);
        await new QueryLoginInstaller(administrator.ConnectionString, seeder).InstallAsync(Key, TestContext.Current.CancellationToken);
        NpgsqlConnection.ClearAllPools();
    }

    /// <summary>A new database that holds the migrated schema and no sample data.</summary>
    public async Task<TestDatabase> CreateDatabaseAsync()
    {
        var name = $"{Prefix}{Interlocked.Increment(ref _copies)}";
        await _server.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {Template}");
        // Database privileges are not copied with the template.
        await _server.ExecuteAsync($"REVOKE ALL ON DATABASE {name} FROM PUBLIC");
        await _server.ExecuteAsync($"GRANT CONNECT ON DATABASE {name} TO {string.Join(", ", [.. Passwords.Keys, .. QueryLogins.Select(login => login.Name)])}");
        await _server.ExecuteAsync($"GRANT CONNECT, CREATE ON DATABASE {name} TO {DatabaseRole.Owner}");
        return new TestDatabase(this, _server, name);
    }

    public string ConnectionString(string database, string login) =>
        new NpgsqlConnectionStringBuilder(_server.Administrator(database))
        {
            Username = login,
            Password = Passwords[login],
        }.ConnectionString;

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await DropLeftoversAsync();
        await _server.DisposeAsync();
    }

    // This run's, or those of a run that was killed.
    async Task DropLeftoversAsync()
    {
        await using var dataSource = NpgsqlDataSource.Create(_server.AdministratorConnectionString);
        var databases = new List<string>();
        await using (var list = dataSource.CreateCommand($"SELECT datname FROM pg_database WHERE datname LIKE '{Prefix}%'"))
        await using (var reader = await list.ExecuteReaderAsync())
            while (await reader.ReadAsync())
                databases.Add(reader.GetString(0));
        foreach (var database in databases)
            await _server.ExecuteAsync($"DROP DATABASE {database} WITH (FORCE)");
    }
}
