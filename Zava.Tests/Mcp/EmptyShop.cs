using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>A server on a database without products.</summary>
public sealed class EmptyShop(DatabaseTemplate template) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(Database = await template.CreateDatabaseAsync());

    /// <summary>A development folder for another server: one that starts writes its address there. The key makes the tokens of both servers one.</summary>
    public string FolderOfItsOwn()
    {
        var folder = Directory.CreateTempSubdirectory("zava-test-").FullName;
        File.Copy(Path.Combine(Server.DevelopmentFolder, "development-signing-key"), Path.Combine(folder, "development-signing-key"));
        return folder;
    }

    /// <summary>What every server needs, and more.</summary>
    public static Dictionary<string, string?> Settings(params (string Key, string? Value)[] settings) => new(
        settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)))
    {
        ["ConnectionStrings:retail_db"] = "Host=127.0.0.1",
        ["Database:ContextKey:Secret"] = Convert.ToBase64String(new byte[32]),
    };

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Database.DisposeAsync();
    }
}
