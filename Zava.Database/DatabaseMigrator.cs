using DbUp;
using DbUp.Engine.Output;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Zava.Database;

/// <summary>Brings the schema up to date: every script in Migrations/ that has not run yet, all in one transaction.</summary>
/// <remarks>Logs in as <see cref="DatabaseRole.Seeder"/> and acts as <see cref="DatabaseRole.Owner"/>.</remarks>
public sealed class DatabaseMigrator(string seederConnectionString, ILogger<DatabaseMigrator> logger)
{
    /// <summary>The connection string with which the seeder acts as the owner of the schema.</summary>
    public static string ActingAsOwner(string seederConnectionString) =>
        new NpgsqlConnectionStringBuilder(seederConnectionString) { Options = $"-c role={DatabaseRole.Owner}" }.ConnectionString;

    /// <returns>How many migrations ran; 0 when the schema was current.</returns>
    /// <exception cref="DatabaseSetupException">A migration failed; none of them took effect.</exception>
    public int Run()
    {
        var owner = ActingAsOwner(seederConnectionString);
        using var dataSource = NpgsqlDataSource.Create(owner);
        using var connection = dataSource.OpenConnection();
        // Two seeders at once: the second waits and then finds nothing to do. The lock ends with the connection.
        using (var prepare = new NpgsqlCommand("SELECT pg_advisory_lock(hashtext('zava migrations'))", connection) { CommandTimeout = 0 })
            prepare.ExecuteNonQuery();
        // The journal of migrations lives in the schema, so the schema is there before the first migration.
        using (var create = new NpgsqlCommand("CREATE SCHEMA IF NOT EXISTS retail", connection))
            create.ExecuteNonQuery();

        var engine = DeployChanges.To
            .PostgresqlDatabase(owner)
            .WithScriptsEmbeddedInAssembly(typeof(DatabaseMigrator).Assembly, name => name.Contains(".Migrations."))
            .WithTransaction()
            .WithVariablesDisabled()
            .JournalToPostgresqlTable("retail", "schema_versions")
            .LogTo(new Log(logger))
            .Build();

        var result = engine.PerformUpgrade();
        return result.Successful
            ? result.Scripts.Count()
            : throw new DatabaseSetupException($"Migration {result.ErrorScript?.Name} failed: {result.Error.Message}", result.Error);
    }

    sealed class Log(ILogger logger) : IUpgradeLog
    {
        public void LogTrace(string format, params object[] args) => Write(LogLevel.Trace, format, args);
        public void LogDebug(string format, params object[] args) => Write(LogLevel.Debug, format, args);
        public void LogInformation(string format, params object[] args) => Write(LogLevel.Debug, format, args);
        public void LogWarning(string format, params object[] args) => Write(LogLevel.Warning, format, args);
        public void LogError(string format, params object[] args) => Write(LogLevel.Error, format, args);
        public void LogError(Exception ex, string format, params object[] args) => Write(LogLevel.Error, format, args);

        void Write(LogLevel level, string format, object[] args)
        {
            if (logger.IsEnabled(level))
                logger.Log(level, "{Message}", string.Format(format, args));
        }
    }
}
