using Npgsql;

namespace Zava.Database;

/// <summary>Makes a <see cref="ContextKey"/> known to the database. Needs <see cref="DatabaseRole.Seeder"/>.</summary>
public sealed class ContextKeyStore(string seederConnectionString)
{
    /// <summary>Adds the key, or replaces the secret of the same key id. The secret travels as a bind parameter.</summary>
    public async Task InstallAsync(ContextKey key, CancellationToken cancellationToken)
    {
        await using var dataSource = NpgsqlDataSource.Create(seederConnectionString);
        await using var command = dataSource.CreateCommand("SELECT retail.install_context_key($1, $2)");
        command.Parameters.Add(new() { Value = key.Id });
        command.Parameters.Add(new() { Value = key.Secret });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
