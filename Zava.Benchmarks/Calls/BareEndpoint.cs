using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Zava.Benchmarks.Calls;

/// <summary>The least that ASP.NET and Npgsql can do: one endpoint that runs the SQL it was started with and writes the rows as JSON.</summary>
static class BareEndpoint
{
    /// <summary>The hidden command of this program that runs it.</summary>
    public const string Command = "bare";

    /// <param name="Port">Of the loopback.</param>
    /// <param name="ConnectionString">Of PostgreSQL.</param>
    /// <param name="Queries">The query of number 0 is answered at /0.</param>
    public sealed record Settings(int Port, string ConnectionString, IReadOnlyList<Query> Queries);

    /// <summary>Reads the settings from standard input, and serves.</summary>
    public static async Task RunAsync()
    {
        var settings = JsonSerializer.Deserialize<Settings>(Console.ReadLine()!)!;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var app = builder.Build();
        await using var database = NpgsqlDataSource.Create(settings.ConnectionString);
        foreach (var (number, query) in settings.Queries.Index())
            app.MapPost($"/{number}", async (CancellationToken cancellationToken) =>
            {
                await using var connection = await database.OpenConnectionAsync(cancellationToken);
                await using var command = query.On(connection);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                var rows = new List<Dictionary<string, object?>>();
                while (await reader.ReadAsync(cancellationToken))
                    rows.Add(Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, i => reader.IsDBNull(i) ? null : reader.GetValue(i)));
                return Results.Json(rows);
            });
        await app.RunAsync($"http://127.0.0.1:{settings.Port}");
    }
}
