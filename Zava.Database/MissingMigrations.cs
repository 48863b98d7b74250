using Npgsql;

namespace Zava.Database;

/// <summary>Compares the journal of migrations with the scripts of this build.</summary>
static class MissingMigrations
{
    /// <returns>How many scripts have not run; those of a newer build do not count.</returns>
    public static async Task<long> CountAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            "SELECT count(*) FROM unnest($1) AS script WHERE script NOT IN (SELECT scriptname FROM retail.schema_versions)");
        command.Parameters.Add(new() { Value = DatabaseMigrator.Names.ToArray() });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
