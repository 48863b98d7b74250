using System.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;
using Spectre.Console;
using Zava.Database;
using Zava.Seeder.SampleData;

namespace Zava.Seeder;

/// <summary>Everything between an empty server and a shop to query: roles, schema, key, sample data. Can be repeated.</summary>
public sealed class SeederJob(IConfiguration configuration, ILoggerFactory loggers, IAnsiConsole console)
{
    static readonly string[] RequiredLogins = [DatabaseRole.Application, DatabaseRole.Worker, DatabaseRole.Seeder];

    /// <param name="options">The sample data to load; <c>null</c> for none.</param>
    /// <param name="asOfWasGiven">Whether the user asked for this very day.</param>
    /// <param name="cancellationToken">Stops; what was not finished leaves nothing.</param>
    /// <exception cref="DatabaseSetupException">The database cannot be set up; the message says what to do.</exception>
    /// <exception cref="InvalidOperationException">A setting is missing or wrong; the message names it.</exception>
    public async Task RunAsync(SeedOptions? options, bool asOfWasGiven, CancellationToken cancellationToken)
    {
        var administrator = configuration.GetConnectionString(Extensions.DatabaseName)
            ?? throw new InvalidOperationException($"ConnectionStrings:{Extensions.DatabaseName} is not set: the seeder needs the administrator's connection.");
        var passwords = ReadPasswords();
        var key = ContextKey.FromConfiguration(configuration);

        if (!await new DatabaseBootstrapper(administrator).RunAsync(passwords, cancellationToken))
            console.MarkupLine("The administrator is no superuser, so advisory locks stay open to free SQL; docs/security.md says what that means.");
        var seeder = new NpgsqlConnectionStringBuilder(administrator)
        {
            Username = DatabaseRole.Seeder,
            Password = passwords[DatabaseRole.Seeder],
        }.ConnectionString;
        var migrations = new DatabaseMigrator(seeder, loggers.CreateLogger<DatabaseMigrator>()).Run();
        await new ContextKeyStore(seeder).InstallAsync(key, cancellationToken);
        await new QueryLoginInstaller(administrator, seeder).InstallAsync(key, cancellationToken);
        console.MarkupLine(migrations == 0 ? "Schema is current." : $"Schema migrated: {migrations} scripts ran.");

        if (options is not null)
            await LoadSampleDataAsync(new SampleDataLoader(seeder), options, asOfWasGiven, cancellationToken);
    }

    async Task LoadSampleDataAsync(SampleDataLoader loader, SeedOptions options, bool asOfWasGiven, CancellationToken cancellationToken)
    {
        // A bar on a terminal, plain lines in a log.
        var rows = await console.Progress().StartAsync(async progress =>
        {
            var task = progress.AddTask("Sample data", maxValue: 1);
            var watch = Stopwatch.StartNew();
            var loaded = await loader.LoadAsync(options, asOfWasGiven, new Report(at =>
            {
                var left = watch.Elapsed * ((1 - at.Fraction) / Math.Max(at.Fraction, .01));
                task.Description = $"Sample data: {at.Step}, {at.Rows:N0} rows, {at.Rows / watch.Elapsed.TotalSeconds:N0} a second, {left:m\\:ss} left";
                task.Value = at.Fraction;
            }), cancellationToken);
            task.Description = loaded == 0 ? "Sample data: already there" : $"Sample data: {loaded:N0} rows";
            task.Value = 1;
            return loaded;
        });
        console.MarkupLine(rows == 0
            ? "Sample data is already loaded: nothing changed."
            : $"Sample data loaded: {rows:N0} rows (scale {options.Scale}, seed {options.Seed}, as of {options.AsOf:yyyy-MM-dd}).");
    }

    Dictionary<string, string> ReadPasswords()
    {
        const string Section = "Database:Passwords";
        var passwords = configuration.GetSection(Section).GetChildren().ToDictionary(login => login.Key, login => login.Value ?? "");
        foreach (var login in RequiredLogins)
            if (string.IsNullOrEmpty(passwords.GetValueOrDefault(login)))
                throw new InvalidOperationException($"{Section}:{login} is not set: the seeder gives this login its password.");
        return passwords;
    }

    // Progress<T> would report from another thread after the bar is gone.
    sealed class Report(Action<SampleDataLoader.Progress> show) : IProgress<SampleDataLoader.Progress>
    {
        void IProgress<SampleDataLoader.Progress>.Report(SampleDataLoader.Progress value) => show(value);
    }
}
