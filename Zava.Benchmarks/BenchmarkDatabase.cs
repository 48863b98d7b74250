using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Spectre.Console;
using Zava.Database;
using Zava.Seeder;
using Zava.Standalone;

namespace Zava.Benchmarks;

/// <summary>A migrated database on a private PostgreSQL of its own, with the settings of <c>./zava up</c>.</summary>
sealed class BenchmarkDatabase : IAsyncDisposable
{
    static readonly string[] PostgresSettings = ["shared_buffers=256MB", "maintenance_work_mem=256MB", "max_wal_size=1GB", "max_connections=300"];

    PrivatePostgres _postgres;
    readonly Dictionary<string, string> _passwords;
    readonly string _name;

    BenchmarkDatabase(PrivatePostgres postgres, Dictionary<string, string> passwords, string name) => (_postgres, _passwords, _name) = (postgres, passwords, name);

    public ContextKey Key { get; } = new("bench", SHA256.HashData("the key of Zava's benchmarks"u8));

    /// <summary>A superuser, on a pool as Npgsql makes it: it resets a session before it is used again.</summary>
    public NpgsqlDataSource Administrator => Source("postgres", resetsSessions: true);

    /// <summary>A superuser on a pool like the server's.</summary>
    public NpgsqlDataSource AdministratorWithoutResets => Source("postgres", resetsSessions: false);

    /// <summary>The server's login on a pool like the server's.</summary>
    public NpgsqlDataSource Application => Source(DatabaseRole.Application, resetsSessions: false);

    /// <param name="folder">Where PostgreSQL is kept.</param>
    /// <param name="sampleData"><c>null</c> for none: then the database is a new one, whatever was there before.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="name">Of the database, which is made if there is none.</param>
    public static async Task<BenchmarkDatabase> StartAsync(
        string folder, SeedOptions? sampleData, CancellationToken cancellationToken, string name = Database.Extensions.DatabaseName)
    {
        var postgres = await PrivatePostgres.StartAsync(folder, PostgresSettings, cancellationToken);
        var database = new BenchmarkDatabase(postgres, ((string[])[DatabaseRole.Application, DatabaseRole.Worker, DatabaseRole.Seeder])
            .ToDictionary(login => login, _ => RandomNumberGenerator.GetHexString(32)), name);
        var settings = new Dictionary<string, string?>(database._passwords.Select(login => KeyValuePair.Create($"Database:Passwords:{login.Key}", (string?)login.Value)))
        {
            ["ConnectionStrings:retail_db"] = database.ConnectionString("postgres"),
            ["Database:ContextKey:Id"] = database.Key.Id,
            ["Database:ContextKey:Secret"] = Convert.ToBase64String(database.Key.Secret),
        };
        if (sampleData is null)
        {
            await using var server = NpgsqlDataSource.Create(postgres.AdministratorConnectionString);
            await using var drop = server.CreateCommand($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            await drop.ExecuteNonQueryAsync(cancellationToken);
        }
        await new SeederJob(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), NullLoggerFactory.Instance, AnsiConsole.Console)
            .RunAsync(sampleData, asOfWasGiven: true, cancellationToken);
        return database;
    }

    public string ConnectionString(string login)
    {
        var administrator = new NpgsqlConnectionStringBuilder(_postgres.AdministratorConnectionString) { Database = _name };
        if (login != administrator.Username)
            (administrator.Username, administrator.Password) = (login, _passwords[login]);
        return administrator.ConnectionString;
    }

    /// <summary>Of PostgreSQL's first process, the parent of the others.</summary>
    public int ProcessId => int.Parse(File.ReadLines(Path.Combine(_postgres.Folder, "data", "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    /// <summary>Ends PostgreSQL as a crash would, and starts it again on the same port.</summary>
    public async Task CrashAsync(CancellationToken cancellationToken)
    {
        var port = new NpgsqlConnectionStringBuilder(_postgres.AdministratorConnectionString).Port;
        _postgres.Crash();
        await _postgres.DisposeAsync();
        _postgres = await PrivatePostgres.StartAsync(_postgres.Folder, PostgresSettings, cancellationToken, port);
    }

    readonly Dictionary<(string Login, bool ResetsSessions), NpgsqlDataSource> _sources = [];

    NpgsqlDataSource Source(string login, bool resetsSessions)
    {
        if (!_sources.TryGetValue((login, resetsSessions), out var source))
            _sources[(login, resetsSessions)] = source = RetailDataSource.Create(ConnectionString(login), resetsSessions);
        return source;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var source in _sources.Values)
            await source.DisposeAsync();
        await _postgres.DisposeAsync();
    }
}
