using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Spectre.Console;
using Zava.Database;
using Zava.Seeder;
using Zava.Seeder.Catalogue;
using Zava.ServiceDefaults;

// A log has no width; without this, lines would be broken at 80 columns.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

var command = SeedCommand.Create("Migrates the Zava database and loads sample data.", async (options, asOfWasGiven, cancellationToken) =>
{
    var builder = Host.CreateApplicationBuilder();
    builder.AddServiceDefaults();
    using var host = builder.Build();
    await host.StartAsync(cancellationToken);
    var logger = host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Zava.Seeder");
    try
    {
        var job = new SeederJob(host.Services.GetRequiredService<IConfiguration>(), host.Services.GetRequiredService<ILoggerFactory>(), AnsiConsole.Console);
        await job.RunAsync(options, asOfWasGiven, cancellationToken);
        return 0;
    }
    catch (Exception expected) when (expected is DatabaseSetupException or CatalogueException or InvalidOperationException or NpgsqlException)
    {
        logger.LogCritical("{Reason}", expected.Message);
        return 1;
    }
    finally
    {
        // Flushes the telemetry.
        await host.StopAsync(CancellationToken.None);
    }
});
command.Subcommands.Add(AuditCommand.Create(_ => OpenAsync("verifying needs the login zava_ops or the administrator")));
command.Subcommands.Add(EmbeddingsCommand.Create(_ => OpenAsync("this needs the login zava_maintenance, or a superuser")));
command.Subcommands.Add(MaintainCommand.Create(_ => Task.FromResult(ConnectionString($"maintenance needs the login {DatabaseRole.Maintenance}"))));
return await command.Parse(args).InvokeAsync();

static Task<NpgsqlDataSource> OpenAsync(string need) => Task.FromResult(NpgsqlDataSource.Create(ConnectionString(need)));

static string ConnectionString(string need) =>
    Host.CreateApplicationBuilder().Configuration.GetConnectionString(Zava.Database.Extensions.DatabaseName)
        ?? throw new InvalidOperationException($"ConnectionStrings:{Zava.Database.Extensions.DatabaseName} is not set: {need}.");
