using Npgsql;
using Zava.Database;

namespace Zava.Standalone;

/// <summary>The configuration that each part gets: what the AppHost hands out as environment variables.</summary>
sealed class StandaloneSettings(string administrator, StandaloneSecrets secrets, string folder)
{
    const int DefaultPort = 5380;

    public static int Port => Environment.GetEnvironmentVariable("ZAVA_PORT") switch
    {
        null or "" => DefaultPort,
        var text when int.TryParse(text, out var port) && port is > 0 and < 65536 => port,
        var text => throw new InvalidOperationException($"ZAVA_PORT must be a port number from 1 to 65535, not '{text}'."),
    };

    public string WorkerConnectionString => ConnectionString(DatabaseRole.Worker, secrets.WorkerPassword);

    public string MaintenanceConnectionString => ConnectionString(DatabaseRole.Maintenance, secrets.MaintenancePassword!);

    public IConfiguration ForSeeder => Settings(
        (ConnectionKey, new NpgsqlConnectionStringBuilder(administrator) { Database = Extensions.DatabaseName }.ConnectionString),
        ($"Database:Passwords:{DatabaseRole.Application}", secrets.McpUserPassword),
        ($"Database:Passwords:{DatabaseRole.Worker}", secrets.WorkerPassword),
        ($"Database:Passwords:{DatabaseRole.Seeder}", secrets.SeederPassword),
        ($"Database:Passwords:{DatabaseRole.Maintenance}", secrets.MaintenancePassword!),
        ($"Database:Passwords:{DatabaseRole.Operator}", secrets.OperatorPassword!),
        ("Database:ContextKey:Secret", secrets.ContextKey));

    public IConfiguration ForWorker => Settings(
        (ConnectionKey, WorkerConnectionString), ($"ConnectionStrings:{DatabaseMaintenance.ConnectionName}", MaintenanceConnectionString));

    public IConfiguration ForServer => Settings(
        (ConnectionKey, ConnectionString(DatabaseRole.Application, secrets.McpUserPassword)),
        ($"ConnectionStrings:{OperatorDatabase.ConnectionName}", ConnectionString(DatabaseRole.Operator, secrets.OperatorPassword!)),
        ("Database:ContextKey:Secret", secrets.ContextKey),
        ("Identity:DevelopmentFolder", folder),
        // Answers no page that a foreign name was made to lead here (DNS rebinding).
        ("AllowedHosts", "localhost;127.0.0.1;[::1]"));

    const string ConnectionKey = $"ConnectionStrings:{Extensions.DatabaseName}";

    string ConnectionString(string login, string password) => new NpgsqlConnectionStringBuilder(administrator)
    {
        Database = Extensions.DatabaseName,
        Username = login,
        Password = password,
    }.ConnectionString;

    static IConfiguration Settings(params IEnumerable<(string Key, string Value)> settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value))
        .Build();
}
