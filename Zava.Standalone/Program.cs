using System.CommandLine;
using Spectre.Console;
using Zava.Seeder;
using Zava.Standalone;

// A log has no width; without this, lines would be broken at 80 columns.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 250;

var command = SeedCommand.Create(
    "Runs the whole Zava stack in one process on a private PostgreSQL, for a machine without Docker.", StandaloneStack.RunAsync);
command.Subcommands.Add(AuditCommand.Create(StandaloneStack.OpenDatabaseAsync));
command.Subcommands.Add(EmbeddingsCommand.Create(StandaloneStack.OpenDatabaseAsync));
command.Subcommands.Add(MaintainCommand.Create(StandaloneStack.FindMaintenanceLoginAsync));
return await command.Parse(args).InvokeAsync(new InvocationConfiguration
{
    // Ctrl-C: time for requests to end and for PostgreSQL to write its shutdown checkpoint.
    ProcessTerminationTimeout = TimeSpan.FromSeconds(30),
});
