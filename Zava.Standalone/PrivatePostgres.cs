using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Zava.Standalone;

/// <summary>
/// A PostgreSQL cluster of this machine's own binaries that belongs to one folder and lives as long as this process.
/// </summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    static readonly string Script = Path.Combine(AppContext.BaseDirectory, "private-postgres.sh");

    readonly Process _server;

    PrivatePostgres(Process server, string folder, string administratorConnectionString) =>
        (_server, Folder, AdministratorConnectionString) = (server, folder, administratorConnectionString);

    /// <summary>Where the cluster, its password and its log are.</summary>
    public string Folder { get; }

    /// <summary>Superuser connection, to the database <c>postgres</c>.</summary>
    public string AdministratorConnectionString { get; }

    /// <summary>Whether this machine has PostgreSQL with pgvector to run.</summary>
    public static async Task<bool> IsAvailableAsync() =>
        OperatingSystem.IsLinux() && (await RunScriptAsync(["bin"], CancellationToken.None)).ExitCode == 0;

    /// <summary>Starts the cluster of a folder, making it first if there is none.</summary>
    /// <param name="folder">Where it should be; elsewhere if the PostgreSQL user cannot enter it (see <see cref="Folder"/>).</param>
    /// <param name="settings">Settings beside those of postgresql-settings.sh, as <c>name=value</c>.</param>
    /// <param name="cancellationToken">Gives up waiting and stops the server.</param>
    /// <param name="port">The port of the loopback to listen on; when left out, that of the folder's last start if nobody has it now, else a free one.</param>
    /// <exception cref="InvalidOperationException">It could not be made or started; the message says why.</exception>
    public static async Task<PrivatePostgres> StartAsync(
        string folder, IEnumerable<string> settings, CancellationToken cancellationToken, int? port = null)
    {
        if (!OperatingSystem.IsLinux())
            throw new InvalidOperationException("A private PostgreSQL is for Linux: start Docker and Zava.AppHost instead (F5).");
        folder = await RequireAsync(["locate", folder], cancellationToken);
        await RequireAsync(["init", folder], cancellationToken);

        var password = (await File.ReadAllTextAsync(Path.Combine(folder, "password"), cancellationToken)).Trim();
        var listen = port ?? await PortOfAsync(folder, cancellationToken);
        var administrator = AdministratorOf(listen, password);
        var start = StartInfo(["run", folder, listen.ToString(CultureInfo.InvariantCulture), .. settings]);
        start.RedirectStandardInput = start.RedirectStandardError = true;
        var server = Process.Start(start)!;
        // Open for as long as the server runs, so it is read line by line and never to its end.
        var said = new ConcurrentQueue<string>();
        server.ErrorDataReceived += (_, line) => { if (line.Data is not null) said.Enqueue(line.Data); };
        server.BeginErrorReadLine();
        var postgres = new PrivatePostgres(server, folder, administrator);
        try
        {
            await postgres.WaitUntilReadyAsync(said, cancellationToken);
            foreach (var line in said)
                Console.Error.WriteLine(line);
            return postgres;
        }
        catch
        {
            await postgres.DisposeAsync();
            throw;
        }
    }

    /// <summary>Superuser connection string of the cluster of a folder, if it runs.</summary>
    public static async Task<string?> FindRunningAsync(string folder, CancellationToken cancellationToken)
    {
        folder = await RequireAsync(["locate", folder], cancellationToken);
        // Its fourth line is the port; PostgreSQL removes the file when it stops.
        var state = Path.Combine(folder, "data", "postmaster.pid");
        return File.Exists(state) && await File.ReadAllLinesAsync(state, cancellationToken) is [_, _, _, var port, ..]
            ? AdministratorOf(int.Parse(port, CultureInfo.InvariantCulture), (await File.ReadAllTextAsync(Path.Combine(folder, "password"), cancellationToken)).Trim())
            : null;
    }

    static string AdministratorOf(int port, string password) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port,
        Database = "postgres",
        Username = "postgres",
        // Whoever took the port before PostgreSQL could would otherwise ask for the password in clear.
        RequireAuth = "ScramSHA256",
        Password = password,
    }.ConnectionString;

    /// <summary>Ends PostgreSQL at once, without a checkpoint, so that its next start has to recover.</summary>
    public void Crash()
    {
        var server = int.Parse(File.ReadLines(Path.Combine(Folder, "data", "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        using var kill = Process.Start("kill", ["-QUIT", $"{server}"]);
        kill.WaitForExit();
    }

    /// <summary>Asks PostgreSQL for a fast shutdown and waits for it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_server.HasExited)
            _server.StandardInput.Close();
        await _server.WaitForExitAsync();
        _server.Dispose();
    }

    async Task WaitUntilReadyAsync(ConcurrentQueue<string> said, CancellationToken cancellationToken)
    {
        // Logging in with the cluster's own password proves that it is this server that answers, not another on the port.
        await using var dataSource = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(AdministratorConnectionString) { Pooling = false });
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
                return;
            }
            catch (NpgsqlException notYet) when (!_server.HasExited && waited.Elapsed < TimeSpan.FromSeconds(60)
                && (notYet is not PostgresException answer || answer.SqlState == PostgresErrorCodes.CannotConnectNow))
            {
                await Task.Delay(50, cancellationToken);
            }
            catch (NpgsqlException failed)
            {
                if (_server.HasExited)
                    await _server.WaitForExitAsync(cancellationToken); // for the last of what it said
                throw new InvalidOperationException(_server.HasExited && !said.IsEmpty
                    ? string.Join('\n', said)
                    : $"The private PostgreSQL did not start: see {Path.Combine(Folder, "log")} ({failed.Message}).", failed);
            }
        }
    }

    static async Task<string> RequireAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var (exitCode, output, error) = await RunScriptAsync(arguments, cancellationToken);
        return exitCode == 0 ? output.Trim() : throw new InvalidOperationException(error.Trim());
    }

    static async Task<(int ExitCode, string Output, string Error)> RunScriptAsync(
        string[] arguments, CancellationToken cancellationToken)
    {
        var start = StartInfo(arguments);
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, await output, await error);
    }

    // Clients that know the address keep it from one start to the next.
    static async Task<int> PortOfAsync(string folder, CancellationToken cancellationToken)
    {
        var file = Path.Combine(folder, "port");
        if (File.Exists(file) && int.TryParse(await File.ReadAllTextAsync(file, cancellationToken), CultureInfo.InvariantCulture, out var last) && last is > 0 and < 65536 && LoopbackPort.IsFree(last))
            return last;
        var port = LoopbackPort.Free();
        await File.WriteAllTextAsync(file, port.ToString(CultureInfo.InvariantCulture), cancellationToken);
        return port;
    }

    static ProcessStartInfo StartInfo(string[] arguments) => new("bash", [Script, .. arguments]);
}
