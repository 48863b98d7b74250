using System.Diagnostics;
using System.Text.Json;
using Npgsql;

namespace Zava.Database;

/// <summary>
/// Runs <c>retail.perform_maintenance()</c> and then, one by one, the statements that it says are due. Can be repeated.
/// </summary>
/// <remarks>
/// VACUUM and REINDEX need the owner. The login <see cref="DatabaseRole.Maintenance"/> inherits nothing and becomes the owner
/// (SET ROLE) on the one connection that runs them: the same on every version, while the privilege MAINTAIN exists from
/// PostgreSQL 17 on only.
/// </remarks>
/// <param name="connectionString">Of the login <see cref="DatabaseRole.Maintenance"/>.</param>
public sealed class DatabaseMaintenance(string connectionString)
{
    /// <summary>The name of that login's connection string.</summary>
    public const string ConnectionName = "retail_db_maintenance";

    /// <param name="report">Is told of each statement that has run.</param>
    /// <param name="cancellationToken">Cancels the statement that runs.</param>
    /// <returns>What ran, and what did not: a warning is a failure, because PostgreSQL only warns when it skips a table.</returns>
    /// <exception cref="NpgsqlException">PostgreSQL cannot be reached or refused to begin.</exception>
    /// <exception cref="DatabaseSetupException">PostgreSQL skipped a table that was to be analyzed.</exception>
    public async Task<IReadOnlyList<MaintenanceStep>> RunAsync(Action<MaintenanceStep>? report, CancellationToken cancellationToken)
    {
        var steps = new List<MaintenanceStep>();
        var due = await FindDueAsync(cancellationToken);
        await using var source = NpgsqlDataSource.Create(Unpooled(DatabaseMigrator.ActingAsOwner(connectionString)));
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        foreach (var statement in due)
        {
            var step = await RunAsync(connection, statement, cancellationToken);
            await RecordAsync(connection, step, cancellationToken);
            steps.Add(step);
            report?.Invoke(step);
        }
        return steps;
    }

    /// <summary>Why slow queries are not recorded; <c>null</c> when they are.</summary>
    public async Task<string?> WhyNoSlowQueriesAsync(CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(Unpooled(connectionString));
        await using var command = source.CreateCommand("SELECT to_regclass('public.pg_stat_statements') IS NOT NULL");
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!
            ? null
            : "retail.slow_queries is empty-handed: the extension pg_stat_statements is missing. Run the seeder as an administrator who may create it.";
    }

    async Task<List<string>> FindDueAsync(CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(Unpooled(connectionString));
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        var warning = default(string);
        connection.Notice += (_, said) => warning ??= WarningOf(said.Notice);
        await using var command = new NpgsqlCommand("SELECT retail.perform_maintenance()", connection) { CommandTimeout = 0 };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var due = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
            due.Add(reader.GetString(0));
        return warning is null ? due : throw new DatabaseSetupException($"retail.perform_maintenance() did not do all it should: {warning}.");
    }

    static async Task<MaintenanceStep> RunAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        var failure = default(string);
        void Listen(object _, NpgsqlNoticeEventArgs said) => failure ??= WarningOf(said.Notice);
        connection.Notice += Listen;
        try
        {
            await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException refused) when (refused.SqlState != PostgresErrorCodes.QueryCanceled)
        {
            failure = refused.MessageText;
        }
        finally
        {
            connection.Notice -= Listen;
        }
        return new(statement, watch.Elapsed, failure);
    }

    static async Task RecordAsync(NpgsqlConnection connection, MaintenanceStep step, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT retail.record_audit('maintenance', $1, NULL, $2::jsonb)", connection)
        {
            Parameters =
            {
                new() { Value = step.Failure is null ? "maintenance_statement_completed" : "maintenance_statement_failed" },
                new() { Value = JsonSerializer.Serialize(new { statement = step.Statement, seconds = step.Duration.TotalSeconds, failure = step.Failure }) },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    static string? WarningOf(PostgresNotice notice) => notice.InvariantSeverity == "WARNING" ? notice.MessageText : null;

    static string Unpooled(string connectionString) =>
        new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString;
}

/// <summary>One statement of maintenance.</summary>
/// <param name="Failure">What PostgreSQL warned of or refused; <c>null</c> when it was done.</param>
public sealed record MaintenanceStep(string Statement, TimeSpan Duration, string? Failure);
