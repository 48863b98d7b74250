using System.Text.Json;
using Zava.McpServer.Operations;
using Zava.ServiceDefaults;

namespace Zava.McpServer.Identity;

/// <summary>Once the server listens, gives the developer its address and a token for each persona.</summary>
sealed class DevelopmentTokens(DevelopmentIssuer issuer, SignInLink link, Terminal terminal) : IHostedLifecycleService
{
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var url = McpServer.Extensions.McpUrl(link.Address);
        var tokens = Persona.All.ToDictionary(persona => persona.Name, issuer.Issue);

        var file = Path.Combine(issuer.Folder, "mcp.json");
        PrivateFile.Write(file, JsonSerializer.Serialize(new
        {
            servers = tokens.ToDictionary(
                token => $"zava-{token.Key}",
                token => new { type = "http", url, headers = new { Authorization = $"Bearer {token.Value}" } }),
        }, Indented));

        terminal.WriteLine($"MCP server: {url}");
        terminal.WriteLine($"Development tokens, also in {file} for an editor:");
        foreach (var (name, token) in tokens)
            terminal.WriteLine($"  {name,-20} {token}");
        link.Announce();
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
