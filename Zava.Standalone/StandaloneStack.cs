using System.Diagnostics;
using Microsoft.Extensions.Logging.Console;
using Npgsql;
using Spectre.Console;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.McpServer;
using Zava.Seeder;
using Zava.Seeder.Catalogue;
using Zava.ServiceDefaults;

namespace Zava.Standalone;

/// <summary>What the AppHost orchestrates, in one process: PostgreSQL, then the seeder, then worker and server.</summary>
static class StandaloneStack
{
    public static async Task<int> RunAsync(SeedOptions? options, bool asOfWasGiven, CancellationToken cancellationToken)
    {
        try
        {
            await RunStackAsync(options, asOfWasGiven, cancellationToken);
            return 0;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            AnsiConsole.WriteLine("Stopped.");
            return 0;
        }
        catch (Exception expected) when (expected is DatabaseSetupException or CatalogueException or InvalidOperationException or NpgsqlException or IOException)
        {
            AnsiConsole.MarkupLineInterpolated($"[red]{expected.Message}[/]");
            return 1;
        }
    }

    static async Task RunStackAsync(SeedOptions? options, bool asOfWasGiven, CancellationToken cancellationToken)
    {
        var started = Stopwatch.StartNew();
        RequireFreePort(StandaloneSettings.Port);
        var folder = FindFolder();
        var secrets = StandaloneSecrets.ReadOrCreate(folder);

        await using var postgres = await PrivatePostgres.StartAsync(Path.Combine(folder, "postgres"), [], cancellationToken);
        AnsiConsole.MarkupLineInterpolated($"PostgreSQL runs; its data is kept in {postgres.Folder}.");
        var settings = new StandaloneSettings(postgres.AdministratorConnectionString, secrets, folder);

        // The hosts are made, which is mostly compilation, while the seeder waits for PostgreSQL.
        var makingWorker = Task.Run(() => BuildWorker(settings), cancellationToken);
        var makingServer = Task.Run(() => BuildServer(settings), cancellationToken);
        await new SeederJob(settings.ForSeeder, LoggerFactory.Create(ConfigureConsole), AnsiConsole.Console)
            .RunAsync(options, asOfWasGiven, cancellationToken);

        using var worker = await makingWorker;
        await using var server = await makingServer;
        try
        {
            await Task.WhenAll(Task.Run(() => worker.StartAsync(cancellationToken)), Task.Run(() => server.StartAsync(cancellationToken)));
            using var gaveUp = WhenOneGivesUp(worker, server);
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, gaveUp.Token);
            try
            {
                var (embedded, products) = await WaitForEmbeddingsAsync(settings, over.Token);
                AnsiConsole.MarkupLineInterpolated($"{embedded} of {products} products are embedded.");
                AnsiConsole.MarkupLineInterpolated($"[bold]Ready after {started.Elapsed.TotalSeconds:0.0} s.[/] Ctrl-C stops everything.");
                await Task.Delay(Timeout.Infinite, over.Token);
            }
            catch (OperationCanceledException) when (gaveUp.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new InvalidOperationException("The embedding worker or the MCP server gave up; the reason is above.");
            }
        }
        finally
        {
            AnsiConsole.WriteLine("Stopping …");
            await server.StopAsync(CancellationToken.None);
            await worker.StopAsync(CancellationToken.None);
        }
    }

    // Before anything is started: Kestrel would only find out at the end.
    static void RequireFreePort(int port)
    {
        if (!LoopbackPort.IsFree(port))
            throw new InvalidOperationException($"Port {port} is in use, perhaps by another ./zava up: stop that, or set ZAVA_PORT to another port.");
    }

    static IHost BuildWorker(StandaloneSettings settings)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = Environments.Development, ApplicationName = "Zava.EmbeddingWorker" });
        builder.Configuration.AddConfiguration(settings.ForWorker);
        ConfigureConsole(builder.Logging);
        builder.Services.AddSingleton<IHostLifetime, ManagedLifetime>();
        builder.AddServiceDefaults();
        builder.AddEmbeddingWorker();
        return builder.Build();
    }

    static WebApplication BuildServer(StandaloneSettings settings)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = Environments.Development, ApplicationName = "Zava.McpServer" });
        builder.Configuration.AddConfiguration(settings.ForServer);
        ConfigureConsole(builder.Logging);
        builder.WebHost.UseUrls($"http://localhost:{StandaloneSettings.Port}");
        builder.Services.AddSingleton<IHostLifetime, ManagedLifetime>();
        return builder.BuildZavaMcpServer();
    }

    // The terminal shows what the user has to know; an OTLP endpoint still gets every entry.
    static void ConfigureConsole(ILoggingBuilder logging)
    {
        logging.AddSimpleConsole(console => console.SingleLine = true);
        logging.AddFilter<ConsoleLoggerProvider>(null, LogLevel.Warning);
        // A host that does not start (event 11) throws, and the reason is said once, without a stack trace.
        logging.AddFilter<ConsoleLoggerProvider>("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
    }

    /// <returns>How many products are embedded, of how many; fewer only where the worker failed and will try again.</returns>
    static async Task<(long Embedded, long Products)> WaitForEmbeddingsAsync(StandaloneSettings settings, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(settings.WorkerConnectionString);
        return await AnsiConsole.Progress().StartAsync(async progress =>
        {
            var task = progress.AddTask("Embeddings", maxValue: 1);
            while (true)
            {
                await using var command = source.CreateCommand("""
                    SELECT (SELECT count(*) FROM retail.products),
                           (SELECT count(*) FROM retail.product_embeddings e JOIN retail.embedding_models m USING (embedding_model) WHERE m.state = 'active'),
                           (SELECT count(*) FROM retail.embedding_queue WHERE last_error IS NOT NULL),
                           -- The provider is down, whatever the text.
                           EXISTS (SELECT FROM retail.embedding_queue WHERE last_error IS NOT NULL AND attempts = 0)
                    """);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                await reader.ReadAsync(cancellationToken);
                var (products, embedded, failed) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
                task.Description = $"Embeddings: {embedded}/{products}";
                task.Value = products == 0 ? 1 : (double)embedded / products;
                if (embedded + failed >= products || reader.GetBoolean(3))
                    return (embedded, products);
                await Task.Delay(200, cancellationToken);
            }
        });
    }

    /// <summary>Is cancelled when a host stops by itself, as it does when a part of it fails.</summary>
    static CancellationTokenSource WhenOneGivesUp(params IEnumerable<IHost> hosts) => CancellationTokenSource.CreateLinkedTokenSource(
        [.. hosts.Select(host => host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping)]);

    /// <summary>The database of a stack that runs, for whoever looks after it.</summary>
    public static async Task<NpgsqlDataSource> OpenDatabaseAsync(CancellationToken cancellationToken) => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(await FindAdministratorAsync(cancellationToken)) { Database = Zava.Database.Extensions.DatabaseName });

    /// <summary>Connection string of the maintenance login of a stack that runs.</summary>
    public static async Task<string> FindMaintenanceLoginAsync(CancellationToken cancellationToken)
    {
        var folder = FindFolder();
        return new StandaloneSettings(await FindAdministratorAsync(cancellationToken), StandaloneSecrets.ReadOrCreate(folder), folder).MaintenanceConnectionString;
    }

    static async Task<string> FindAdministratorAsync(CancellationToken cancellationToken) =>
        await PrivatePostgres.FindRunningAsync(Path.Combine(FindFolder(), "postgres"), cancellationToken)
            ?? throw new InvalidOperationException("The stack does not run: start it with ./zava up and run this beside it.");

    static string FindFolder()
    {
        if (Environment.GetEnvironmentVariable("ZAVA_HOME") is { Length: > 0 } given)
            return Path.GetFullPath(given);
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Zava.sln")))
                return Path.Combine(folder.FullName, ".zava");
        throw new InvalidOperationException("Zava.Standalone runs from its repository: build it there and use ./zava up.");
    }
}
