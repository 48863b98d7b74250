using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Spectre.Console;
using Zava.Seeder;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>A PostgreSQL of a test's own on a port that stays, which can be killed and started again.</summary>
sealed class KillablePostgres : IAsyncDisposable
{
    static readonly string Script = Path.Combine(AppContext.BaseDirectory, "private-postgres.sh");

    readonly string _folder;
    readonly int _port = LoopbackPort.Free();
    Process _server = null!;

    KillablePostgres(string folder) => _folder = folder;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<KillablePostgres> StartAsync(string folder)
    {
        var postgres = new KillablePostgres(await ReadScriptAsync("locate", folder));
        using var init = Process.Start("bash", [Script, "init", postgres._folder]);
        await init.WaitForExitAsync(Cancellation);
        await postgres.RestartAsync();
        return postgres;
    }

    /// <summary>Copies this cluster into another folder and starts the copy as its streaming standby.</summary>
    public async Task<KillablePostgres> StartStandbyAsync(string folder)
    {
        var standby = new KillablePostgres(await ReadScriptAsync("locate", folder));
        using var copy = Process.Start(new ProcessStartInfo("bash", ["-c", """
            set -e
            from=$0 to=$1 port=$2 bin=$3
            mkdir -p "$to"; chmod 700 "$to"; cp "$from/password" "$to/password"
            run_as=(); if [ "$(id -u)" = 0 ]; then chown -R postgres: "$to"; run_as=(setpriv --reuid postgres --regid postgres --init-groups); fi
            cd /
            PGPASSWORD=$(cat "$from/password") ${run_as[@]+"${run_as[@]}"} "$bin/pg_basebackup" -h 127.0.0.1 -p "$port" -U postgres -D "$to/data" -X stream -c fast -R
            """, _folder, standby._folder, $"{_port}", await ReadScriptAsync("bin")]))!;
        await copy.WaitForExitAsync(Cancellation);
        Assert.Equal(0, copy.ExitCode);
        await standby.RestartAsync();
        return standby;
    }

    /// <summary>Host and port, as a connection string of several hosts names them.</summary>
    public string Address => $"127.0.0.1:{_port}";

    static async Task<string> ReadScriptAsync(params string[] arguments)
    {
        using var script = Process.Start(new ProcessStartInfo("bash", [Script, .. arguments]) { RedirectStandardOutput = true })!;
        return (await script.StandardOutput.ReadToEndAsync(Cancellation)).Trim();
    }

    string Administrator(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = _port,
        Database = database,
        Username = "postgres",
        Password = File.ReadAllText(Path.Combine(_folder, "password")).Trim(),
        Pooling = false,
    }.ConnectionString;

    /// <summary>Starts it again if it has ended by itself.</summary>
    public async Task RestartIfEndedAsync()
    {
        if (!_server.HasExited)
            return;
        _server.StandardInput.Close(); // what waits for it holds the folder's lock
        await RestartAsync();
    }

    public async Task RestartAsync()
    {
        while (true)
        {
            _server = Process.Start(new ProcessStartInfo("bash", [Script, "run", _folder, _port.ToString()]) { RedirectStandardInput = true })!;
            while (!_server.HasExited)
                try
                {
                    await ExecuteAsync("SELECT 1", "postgres");
                    return;
                }
                catch (NpgsqlException)
                {
                    await Task.Delay(50, Cancellation);
                }
            // The sessions of the one that was killed need a moment to notice.
            await Task.Delay(100, Cancellation);
        }
    }

    /// <summary>SIGKILL to the postmaster.</summary>
    public async Task KillAsync()
    {
        var pid = (await File.ReadAllLinesAsync(Path.Combine(_folder, "data", "postmaster.pid"), CancellationToken.None))[0];
        using var kill = Process.Start("kill", ["-KILL", pid]);
        await kill.WaitForExitAsync(CancellationToken.None);
        await _server.WaitForExitAsync(CancellationToken.None);
        _server.StandardInput.Close(); // what waits for it holds the folder's lock
    }

    /// <summary>Schema, keys, a product in each of two stores; returns the server's settings.</summary>
    public async Task<Dictionary<string, string?>> SeedAsync()
    {
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        var settings = new Dictionary<string, string?>
        {
            ["ConnectionStrings:retail_db"] = Administrator("retail_db"),
            ["Database:Passwords:mcp_user"] = "password of mcp_user",
            ["Database:Passwords:zava_worker"] = "password of zava_worker",
            ["Database:Passwords:zava_seeder"] = "password of zava_seeder",
            ["Database:ContextKey:Secret"] = key,
        };
        await new SeederJob(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), NullLoggerFactory.Instance,
            AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(TextWriter.Null) })).RunAsync(null, asOfWasGiven: false, Cancellation);
        await ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) SELECT s, 'SKU-' || s, 'Product', 1 FROM unnest(ARRAY['seattle', 'redmond']) s");
        return new()
        {
            ["ConnectionStrings:retail_db"] = new NpgsqlConnectionStringBuilder(Administrator("retail_db")) { Username = "mcp_user", Password = "password of mcp_user", Pooling = true }.ConnectionString,
            ["Database:ContextKey:Secret"] = key,
            ["Identity:DevelopmentFolder"] = Path.Combine(Repository.Root, ".zava", "test-lost-database"),
            ["Limits:RequestsPerMinute"] = "100000",
        };
    }

    public async Task ExecuteAsync(string sql, string database = "retail_db")
    {
        await using var source = NpgsqlDataSource.Create(Administrator(database));
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    public Task EndSessionsAsync() => ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'retail_db' AND pid <> pg_backend_pid()", "postgres");

    public Task<long> CountCallsAsync() => CountAsync("retail.tool_calls");

    public Task<long> CountAsync(string table) => ScalarAsync<long>($"SELECT count(*) FROM {table}");

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var source = OpenAsAdministrator();
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancellation))!;
    }

    public NpgsqlDataSource OpenAsAdministrator() => NpgsqlDataSource.Create(Administrator("retail_db"));

    public async ValueTask DisposeAsync()
    {
        _server.StandardInput.Close();
        try
        {
            await _server.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch (TimeoutException)
        {
            // With a full disk it may not be able to.
            await KillAsync();
        }
        _server.Dispose();
    }
}
