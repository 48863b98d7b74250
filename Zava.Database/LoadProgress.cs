using Npgsql;

namespace Zava.Database;

/// <summary>
/// How far a load of sample data is. The load is one transaction, whose rows nobody else sees before its end; so the seeder's session
/// carries it in its name, which everybody may read in <c>pg_stat_activity</c> and which ends with the session, however that ends.
/// </summary>
/// <param name="Percent">0 to 99, as the seeder's own bar shows it.</param>
/// <param name="Scale">What is being loaded.</param>
public sealed record LoadProgress(int Percent, int Scale)
{
    /// <summary>A column <c>text[]</c> of percent and scale; <c>NULL</c> while nothing is being loaded.</summary>
    /// <remarks>Only of the seeder's login: any session may give itself a name.</remarks>
    public const string Column = $"""
        (SELECT regexp_match(application_name, '^sample data: (\d+) % of scale (\d+)$') FROM pg_stat_activity
          WHERE datname = current_database() AND usename = '{DatabaseRole.Seeder}' AND application_name LIKE 'sample data: %' LIMIT 1)
        """;

    /// <summary>Tells it to whoever looks.</summary>
    /// <param name="connection">The session that loads.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    public async Task ShowAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT set_config('application_name', $1, false)", connection)
        {
            Parameters = { new() { Value = $"sample data: {Math.Min(Percent, 99)} % of scale {Scale}" } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <returns><c>null</c> for what is not of this form.</returns>
    public static LoadProgress? From(string[]? column) =>
        column is [var percent, var scale] && int.TryParse(percent, out var done) && int.TryParse(scale, out var times) ? new(done, times) : null;
}
