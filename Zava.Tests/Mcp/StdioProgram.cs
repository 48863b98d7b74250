using System.Diagnostics;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using ModelContextProtocol.Client;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.Tests.Infrastructure;
using Zava.Tests.Isolation;

namespace Zava.Tests.Mcp;

/// <summary>The built server, started with --stdio on the database of two stores, and the server over HTTP beside it.</summary>
public sealed class StdioProgram(DatabaseTemplate template) : IAsyncLifetime
{
    static readonly string[] Arguments = [Path.Combine(AppContext.BaseDirectory, "Zava.McpServer.dll"), "--stdio"];

    const string ConnectionVariable = "ConnectionStrings__retail_db";

    public TwoStores Stores { get; } = new(template);

    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await Stores.InitializeAsync();
        Server = await RunningServer.StartAsync(Stores.Database);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Stores.DisposeAsync();
    }

    /// <summary>The SDK's client, which starts the program.</summary>
    public Task<McpClient> ConnectAsync(string token) => McpClient.CreateAsync(
        new StdioClientTransport(new() { Command = "dotnet", Arguments = Arguments, EnvironmentVariables = Environment(token) }),
        cancellationToken: TestContext.Current.CancellationToken);

    /// <summary>The bare process.</summary>
    /// <param name="token">What ZAVA_TOKEN is set to, if to anything.</param>
    /// <param name="connectionString">Another than that of the application's login.</param>
    public Process Start(string? token, string? connectionString = null)
    {
        var start = new ProcessStartInfo("dotnet", Arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in Environment(token))
            start.Environment[key] = value;
        if (connectionString is not null)
            start.Environment[ConnectionVariable] = connectionString;
        return Process.Start(start)!;
    }

    /// <summary>A token for Seattle.</summary>
    public string Token(string scope, DateTime? expires = null, string audience = DevelopmentIssuer.Audience) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = DevelopmentIssuer.Issuer,
        Audience = audience,
        NotBefore = DateTime.UtcNow.AddDays(-1),
        Expires = expires ?? DateTime.UtcNow.AddHours(1),
        Claims = new Dictionary<string, object> { ["sub"] = "stdio@example.com", ["stores"] = (string[])["seattle"], ["scope"] = scope },
        SigningCredentials = new(Server.Issuer.Key, SecurityAlgorithms.HmacSha256),
    });

    // A variable that is null is removed.
    Dictionary<string, string?> Environment(string? token) => new()
    {
        ["ASPNETCORE_ENVIRONMENT"] = "Development",
        [ConnectionVariable] = Stores.Database.ConnectionString(DatabaseRole.Application),
        ["Database__ContextKey__Id"] = Stores.Database.Key.Id,
        ["Database__ContextKey__Secret"] = Convert.ToBase64String(Stores.Database.Key.Secret),
        ["Identity__DevelopmentFolder"] = Server.DevelopmentFolder,
        ["ZAVA_TOKEN"] = token,
    };
}
