using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Zava.Database;

namespace Zava.AppHost;

/// <summary>What the dashboard offers to do with a running application.</summary>
static class DashboardCommands
{
    /// <summary>Names of the personas that the server makes tokens for.</summary>
    static readonly string[] Personas = ["seattle-manager", "redmond-manager", "online-merchandiser", "head-office"];

    /// <summary>Shows a token; it goes to who asked, and to no log.</summary>
    public static void WithTokenCommand(this IResourceBuilder<ProjectResource> server)
    {
        var file = Path.Combine(server.ApplicationBuilder.AppHostDirectory, "..", ".zava", "mcp.json");
        server.WithCommand("show-token", "Show a persona's token", async context =>
        {
            if (!File.Exists(file))
                return CommandResults.Failure("There are no tokens yet: the server writes them when it has started.");
            await using var stream = File.OpenRead(file);
            using var clients = await JsonDocument.ParseAsync(stream, cancellationToken: context.CancellationToken);
            var persona = context.Arguments.GetString("persona");
            var header = clients.RootElement.GetProperty("servers").GetProperty($"zava-{persona}").GetProperty("headers").GetProperty("Authorization").GetString()!;
            return CommandResults.Success($"Token of {persona}", header["Bearer ".Length..], CommandResultFormat.Text, displayImmediately: true);
        }, new()
        {
            Description = "A bearer token for a client of this machine's server",
            IconName = "Key",
            Arguments =
            [
                new()
                {
                    Name = "persona", Label = "Persona", InputType = InputType.Choice, Required = true, Value = Personas[0],
                    Options = [.. Personas.Select(name => KeyValuePair.Create(name, name))],
                },
            ],
        });
    }

    public static void WithRequeueCommand(this IResourceBuilder<ProjectResource> worker, RetailDatabase database) =>
        worker.WithCommand("requeue", "Requeue dead letters", async context =>
        {
            await using var source = NpgsqlDataSource.Create(await ConnectionAsync(database, context.CancellationToken));
            var count = await new EmbeddingModels(source).RequeueAsync(store: null, context.CancellationToken);
            return CommandResults.Success($"{count} dead letters are in the queue again.");
        }, new() { Description = "Tries products again that could not be embedded", IconName = "ArrowRepeatAll" });

    public static IResourceBuilder<ProjectResource> WithBackupCommand(this IResourceBuilder<ProjectResource> seeder, RetailDatabase database)
    {
        var root = Path.Combine(seeder.ApplicationBuilder.AppHostDirectory, "..");
        return seeder.WithCommand("back-up", "Back up", async context =>
        {
            var connection = new NpgsqlConnectionStringBuilder(await ConnectionAsync(database, context.CancellationToken));
            using var script = Process.Start(new ProcessStartInfo("bash", ["scripts/backup_database.sh"])
            {
                WorkingDirectory = root,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment =
                {
                    ["POSTGRES_HOST"] = connection.Host,
                    ["POSTGRES_PORT"] = $"{connection.Port}",
                    ["POSTGRES_DB"] = connection.Database,
                    ["POSTGRES_USER"] = connection.Username,
                    ["POSTGRES_PASSWORD"] = connection.Password,
                    ["BACKUP_DIR"] = Path.Combine(".zava", "backups"),
                },
            })!;
            var errors = script.StandardError.ReadToEndAsync(context.CancellationToken);
            var backup = await script.StandardOutput.ReadToEndAsync(context.CancellationToken);
            var said = await errors;
            await script.WaitForExitAsync(context.CancellationToken);
            return script.ExitCode == 0 ? CommandResults.Success($"Backed up and verified: {backup.Trim()}") : CommandResults.Failure(said.Trim());
        }, new() { Description = "Into .zava/backups, proved by restoring it; needs bash and PostgreSQL's client programs", IconName = "ArrowDownload" });
    }

    /// <summary>Drops the database and seeds it again, with the services stopped meanwhile.</summary>
    public static void WithResetCommand(this IResourceBuilder<ProjectResource> seeder, RetailDatabase database, params IResource[] services) =>
        seeder.WithCommand("reset", "Reset data", async context =>
        {
            var cancellationToken = context.CancellationToken;
            var commands = context.Services.GetRequiredService<ResourceCommandService>();
            foreach (var service in services)
                await commands.ExecuteCommandAsync(service, KnownResourceCommands.StopCommand, cancellationToken);

            await DropAsync(await ConnectionAsync(database, cancellationToken), cancellationToken);
            if (await SeedAsync(seeder.Resource, context.Services, cancellationToken) is not 0)
                return CommandResults.Failure("The database was dropped, and the seeder failed: see its log, then start it and the services again.");

            foreach (var service in services)
                await commands.ExecuteCommandAsync(service, KnownResourceCommands.StartCommand, cancellationToken);
            return CommandResults.Success("The database was made anew.");
        }, new()
        {
            Description = "Drops the database and seeds it again",
            ConfirmationMessage = "All data of this machine's database will be lost, the audit trail included. Go on?",
            IconName = "DatabaseArrowDown",
        });

    static async Task DropAsync(string connection, CancellationToken cancellationToken)
    {
        var server = new NpgsqlConnectionStringBuilder(connection) { Database = "postgres" };
        await using var source = NpgsqlDataSource.Create(server);
        await using var drop = source.CreateCommand($"DROP DATABASE IF EXISTS {Extensions.DatabaseName} WITH (FORCE)");
        await drop.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns>The seeder's exit code.</returns>
    static async Task<int?> SeedAsync(IResource seeder, IServiceProvider services, CancellationToken cancellationToken)
    {
        var begun = DateTime.UtcNow;
        var commands = services.GetRequiredService<ResourceCommandService>();
        if (!(await commands.ExecuteCommandAsync(seeder, KnownResourceCommands.StartCommand, cancellationToken)).Success)
            return null;
        // Its last run has ended, too: the one that counts began later.
        var ended = await services.GetRequiredService<ResourceNotificationService>().WaitForResourceAsync(seeder.Name,
            change => change.Snapshot.StartTimeStamp >= begun && KnownResourceStates.TerminalStates.Contains(change.Snapshot.State?.Text), cancellationToken);
        return ended.Snapshot.ExitCode;
    }

    static async Task<string> ConnectionAsync(RetailDatabase database, CancellationToken cancellationToken) =>
        await database.AdministratorConnection.Value.GetValueAsync(cancellationToken)
            ?? throw new DistributedApplicationException("The database has no address yet: wait until PostgreSQL runs.");
}
