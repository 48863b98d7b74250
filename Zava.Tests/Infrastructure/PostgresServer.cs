using Npgsql;
using Testcontainers.PostgreSql;
using Zava.Standalone;

namespace Zava.Tests.Infrastructure;

/// <summary>
/// The PostgreSQL that all tests share: the one that ZAVA_TEST_POSTGRES names (a superuser's connection string; the run replaces
/// the passwords of its zava_* logins), else
/// this machine's own binaries, else a container.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    // Durability is not what the tests are about; and the databases of all of them run more statements than PostgreSQL remembers by default.
    static readonly string[] Settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "pg_stat_statements.max=50000"];

    readonly IAsyncDisposable? _owned;

    PostgresServer(string administratorConnectionString, IAsyncDisposable? owned) =>
        (AdministratorConnectionString, _owned) = (administratorConnectionString, owned);

    /// <summary>Superuser connection to the database <c>postgres</c>.</summary>
    public string AdministratorConnectionString { get; }

    public static async Task<PostgresServer> StartAsync(CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable("ZAVA_TEST_POSTGRES") is { Length: > 0 } given)
            return new(given, null);

        if (await PrivatePostgres.IsAvailableAsync())
        {
            var folder = Path.Combine(Repository.Root, ".zava", "test-postgres");
            var postgres = await PrivatePostgres.StartAsync(folder, Settings, cancellationToken);
            return new(postgres.AdministratorConnectionString, postgres);
        }

        var container = new PostgreSqlBuilder("pgvector/pgvector:0.8.2-pg17")
            .WithCommand([.. Settings.SelectMany(setting => (string[])["-c", setting])])
            .Build();
        await container.StartAsync(cancellationToken);
        return new(container.GetConnectionString(), container);
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_owned is not null)
            await _owned.DisposeAsync();
    }

    /// <summary>A superuser connection string to a database of this server.</summary>
    public string Administrator(string database) =>
        new NpgsqlConnectionStringBuilder(AdministratorConnectionString) { Database = database }.ConnectionString;

    public async Task ExecuteAsync(string sql)
    {
        await using var dataSource = NpgsqlDataSource.Create(AdministratorConnectionString);
        await using var command = dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
