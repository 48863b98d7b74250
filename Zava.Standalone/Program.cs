using System.CommandLine;
using Zava.Seeder;
using Zava.Standalone;

var command = SeedCommand.Create(
    "Runs the whole Zava stack in one process on a private PostgreSQL, for a machine without Docker.", StandaloneStack.RunAsync);
return await command.Parse(args).InvokeAsync(new InvocationConfiguration
{
    // Ctrl-C: time for requests to end and for PostgreSQL to write its shutdown checkpoint.
    ProcessTerminationTimeout = TimeSpan.FromSeconds(30),
});
