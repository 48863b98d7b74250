using System.Text.Json;
using System.Text.RegularExpressions;
using ModelContextProtocol.Client;
using Zava.Database;
using Zava.Tests.Infrastructure;
using Zava.Tests.Mcp;

namespace Zava.Tests.Conformance;

/// <summary>The settings of clients, as docs/clients.md, README.md and .vscode/mcp.json have them, used.</summary>
public sealed partial class ClientSettingsTests(StdioProgram program) : IClassFixture<StdioProgram>
{
    const string Address = "http://localhost:5380/mcp";

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    string Token => program.Server.TokenOf("seattle-manager");

    static string Read(params string[] path) => File.ReadAllText(Path.Combine([Repository.Root, .. path])).ReplaceLineEndings("\n");

    // The one server of the settings that a client of this name is given.
    static JsonElement SettingsOf(string client)
    {
        var guide = Read("docs", "clients.md");
        var from = guide.IndexOf($"**{client}**", StringComparison.Ordinal);
        Assert.True(from >= 0, $"docs/clients.md says nothing of {client}.");
        return JsonElement.Parse(Fenced("json").Match(guide, from).Groups[1].Value).GetProperty("mcpServers").GetProperty("zava");
    }

    static Regex Fenced(string language) => language == "json" ? Json() : Bash();

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Json();

    [GeneratedRegex("```bash\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Bash();

    async Task AssertServesAsync(IClientTransport transport)
    {
        await using var client = await McpClient.CreateAsync(transport, cancellationToken: Cancellation);
        var answer = await client.CallToolAsync("get_product", new Dictionary<string, object?> { ["sku"] = "SECRET-seattle" }, cancellationToken: Cancellation);
        Assert.Equal("Secret of seattle", answer.StructuredContent!.Value.GetProperty("product_name").GetString());
    }

    Task AssertServesOverHttpAsync(JsonElement server, string placeholder)
    {
        Assert.Equal(Address, server.GetProperty("url").GetString());
        var headers = server.GetProperty("headers").EnumerateObject().ToDictionary(header => header.Name, header => header.Value.GetString()!.Replace(placeholder, Token, StringComparison.Ordinal));
        Assert.DoesNotContain(headers.Values, value => value.Contains("${", StringComparison.Ordinal));
        return AssertServesAsync(new HttpClientTransport(new() { Endpoint = program.Server.McpAddress, AdditionalHeaders = headers, TransportMode = HttpTransportMode.StreamableHttp }));
    }

    [Fact]
    public async Task VS_Code_asks_for_the_token_and_sends_it()
    {
        var settings = JsonElement.Parse(Read(".vscode", "mcp.json"));
        var input = Assert.Single(settings.GetProperty("inputs").EnumerateArray());
        Assert.Equal(("promptString", true), (input.GetProperty("type").GetString(), input.GetProperty("password").GetBoolean()));
        var server = settings.GetProperty("servers").GetProperty("zava");
        Assert.Equal("http", server.GetProperty("type").GetString());
        await AssertServesOverHttpAsync(server, $"${{input:{input.GetProperty("id").GetString()}}}");
    }

    [Fact]
    public Task Cursor_takes_the_token_from_its_environment() => AssertServesOverHttpAsync(SettingsOf("Cursor"), "${env:ZAVA_TOKEN}");

    [Fact]
    public async Task Claude_Desktop_starts_the_program()
    {
        var server = SettingsOf("Claude Desktop");
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var key = program.Stores.Database.Key;
        string Filled(JsonElement value) => value.GetString()! switch
        {
            "CONNECTION_STRING" => program.Stores.Database.ConnectionString(DatabaseRole.Application),
            "CONTEXT_KEY_ID" => key.Id,
            "CONTEXT_KEY" => Convert.ToBase64String(key.Secret),
            "TOKEN" => Token,
            "/path/to/zava/.zava" => program.Server.DevelopmentFolder,
            var text => text.Replace("/path/to/zava", Repository.Root, StringComparison.Ordinal).Replace("/Release/", $"/{configuration}/", StringComparison.Ordinal),
        };
        await AssertServesAsync(new StdioClientTransport(new()
        {
            Command = server.GetProperty("command").GetString()!,
            Arguments = [.. server.GetProperty("args").EnumerateArray().Select(Filled)],
            EnvironmentVariables = server.GetProperty("env").EnumerateObject().ToDictionary(variable => variable.Name, variable => (string?)Filled(variable.Value)),
            WorkingDirectory = Path.GetTempPath(),
        }));
    }

    [Fact]
    public async Task The_Inspector_lists_the_tools_with_the_command()
    {
        var command = Fenced("bash").Matches(Read("docs", "clients.md")).Select(block => block.Groups[1].Value.Trim()).Single(block => block.StartsWith("npx ", StringComparison.Ordinal));
        var words = Word().Matches(command).Select(word => word.Value.Trim('"').Replace("TOKEN", Token, StringComparison.Ordinal).Replace(Address, program.Server.McpAddress.ToString(), StringComparison.Ordinal)).ToList();
        var version = JsonElement.Parse(Read("Zava.Tests", "Conformance", "package.json")).GetProperty("dependencies").GetProperty("@modelcontextprotocol/inspector").GetString();
        Assert.Equal($"@modelcontextprotocol/inspector@{version}", words[1]);
        var (exitCode, output, error) = await NodePackages.RunAsync("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", [.. words.Skip(2)]);
        Assert.True(exitCode == 0, $"Exit code {exitCode}: {output}{error}");
        Assert.Contains(JsonElement.Parse(output).GetProperty("tools").EnumerateArray(), tool => tool.GetProperty("name").GetString() == "list_stores");
    }

    [GeneratedRegex("\"[^\"]*\"|[^ ]+")]
    private static partial Regex Word();

    [Fact]
    public void Claude_Code_is_told_the_same_everywhere()
    {
        // The header comes last: it would take the name and the address for headers too.
        const string Command = $"claude mcp add --transport http zava {Address} --header \"Authorization: Bearer TOKEN\"";
        Assert.Contains($"\n{Command}\n", Read("docs", "clients.md"));
        Assert.Contains($"`{Command}`", Read("README.md"));
        Assert.Contains($"\n{Command.Replace(Address, "\"$address/mcp\"").Replace("TOKEN", "$token")}\n", Read("docs", "deploy.md"));
    }
}
