using DbUp;
using DbUp.Engine.Output;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Zava.Database;

/// <summary>Brings the schema up to date: every script in Migrations/ that has not run yet, all in one transaction.</summary>
/// <remarks>Logs in as <see cref="DatabaseRole.Seeder"/> and acts as <see cref="DatabaseRole.Owner"/>.</remarks>
public sealed class DatabaseMigrator(string seederConnectionString, ILogger<DatabaseMigrator> logger)
{
    /// <summary>The migrations of this version, as the journal <c>retail.schema_versions</c> names them.</summary>
    public static IEnumerable<string> Names => typeof(DatabaseMigrator).Assembly.GetManifestResourceNames().Where(IsMigration);

    static bool IsMigration(string resource) => resource.Contains(".Migrations.", StringComparison.Ordinal);

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
        // The journal of migrations lives in the schema, so the schema is there before the first migration.
        Create(connection, "CREATE SCHEMA IF NOT EXISTS retail");
        Create(connection, "CREATE TABLE IF NOT EXISTS retail.migration_lock ()");
        // Two seeders at once: the second waits and then finds nothing to do. A table's lock, which only the owner can take;
        // an advisory lock could be held by any login, for ever.
        using var turn = connection.BeginTransaction();
        using (var wait = new NpgsqlCommand("LOCK TABLE retail.migration_lock IN ACCESS EXCLUSIVE MODE", connection) { CommandTimeout = 0 })
            wait.ExecuteNonQuery();

        var engine = DeployChanges.To
            .PostgresqlDatabase(owner)
            .WithScriptsEmbeddedInAssembly(typeof(DatabaseMigrator).Assembly, IsMigration)
            .WithTransaction()
            .WithVariablesDisabled()
            .JournalToPostgresqlTable("retail", "schema_versions")
            .LogTo(new Log(logger))
            .Build();

        var result = engine.PerformUpgrade();
        if (!result.Successful)
            throw new DatabaseSetupException($"Migration {result.ErrorScript?.Name} failed: {result.Error.Message}", result.Error);
        // Services compare it with the migrations that they were built for. DbUp made the journal, so no migration can.
        using (var grant = new NpgsqlCommand($"GRANT SELECT ON retail.schema_versions TO {DatabaseRole.Application}, {DatabaseRole.Worker}", connection))
            grant.ExecuteNonQuery();
        turn.Commit();
        return result.Scripts.Count();
    }

    static void Create(NpgsqlConnection connection, string sql)
    {
        try
        {
            using var create = new NpgsqlCommand(sql, connection);
            create.ExecuteNonQuery();
        }
        // IF NOT EXISTS does not see what another seeder is creating at this moment.
        catch (PostgresException made) when (made.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateTable or PostgresErrorCodes.DuplicateSchema)
        {
        }
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
