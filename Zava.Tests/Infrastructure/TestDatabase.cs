using Npgsql;
using Zava.Database;

namespace Zava.Tests.Infrastructure;

/// <summary>A database of one test or test class, dropped at its end.</summary>
public sealed class TestDatabase(DatabaseTemplate template, PostgresServer server, string name) : IAsyncDisposable
{
    readonly Dictionary<string, NpgsqlDataSource> _sources = [];

    public string Name => name;

    public ContextKey Key => template.Key;

    public string AdministratorConnectionString => server.Administrator(name);

    public string ConnectionString(string login) => template.ConnectionString(name, login);

    /// <summary>A pooled data source for a login; <c>null</c> is the superuser, whom row-level security does not bind.</summary>
    public NpgsqlDataSource As(string? login)
    {
        lock (_sources)
        {
            if (!_sources.TryGetValue(login ?? "", out var source))
            {
                var builder = new NpgsqlDataSourceBuilder(login is null ? AdministratorConnectionString : ConnectionString(login));
                builder.UseVector();
                _sources[login ?? ""] = source = builder.Build();
            }
            return source;
        }
    }

    /// <summary>Runs SQL as the superuser.</summary>
    public async Task ExecuteAsync(string sql, params object[] parameters)
    {
        await using var command = As(null).CreateCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The first column of the first row, as the superuser sees it.</summary>
    public async Task<T> ScalarAsync<T>(string sql, params object[] parameters)
    {
        await using var command = As(null).CreateCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var source in _sources.Values)
            await source.DisposeAsync();
        NpgsqlConnection.ClearAllPools();
        await server.ExecuteAsync($"DROP DATABASE {name} WITH (FORCE)");
    }
}
