using System.Text.Json;
using Zava.Tests.Infrastructure;
using Zava.Tests.Isolation;

namespace Zava.Tests.Conformance;

/// <summary>Clients of other makers, signed in with a token, against the server as it is.</summary>
public sealed class ClientTests(ClientTests.Shop shop) : IClassFixture<ClientTests.Shop>
{
    const string Persona = "seattle-manager";

    public sealed class Shop(DatabaseTemplate template) : IAsyncLifetime
    {
        readonly TwoStores _stores = new(template);

        public RunningServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await _stores.InitializeAsync();
            Server = await RunningServer.StartAsync(_stores.Database);
        }

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            await _stores.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("sdk-client.mjs", "2025-11-25")]
    [InlineData("client.mjs", "2026-07-28")]
    public async Task The_TypeScript_clients_list_and_call_tools(string script, string revision)
    {
        var answer = await RunAsync(script, shop.Server.McpAddress.ToString(), shop.Server.TokenOf(Persona), "get_product", """{"sku":"SECRET-seattle"}""");

        Assert.Equal(revision, answer.GetProperty("protocolVersion").GetString());
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf(Persona));
        var tools = await client.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(tools.Select(tool => tool.Name), answer.GetProperty("tools").EnumerateArray().Select(tool => tool.GetString()!));
        var expected = await client.CallToolAsync(
            "get_product", new Dictionary<string, object?> { ["sku"] = "SECRET-seattle" }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal("Secret of seattle", expected.StructuredContent!.Value.GetProperty("product_name").GetString());
        Assert.True(JsonElement.DeepEquals(expected.StructuredContent.Value, answer.GetProperty("structuredContent")), answer.GetRawText());
    }

    [Fact]
    public async Task The_Inspector_finds_no_fault_with_the_tools()
    {
        var answer = await RunAsync(
            "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
            "--cli", shop.Server.McpAddress.ToString(), "--transport", "http", "--header", $"Authorization: Bearer {shop.Server.TokenOf(Persona)}",
            "--method", "tools/list", "--strict");

        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf(Persona));
        var tools = await client.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(
            tools.Select(tool => tool.Name),
            answer.GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString()!));
    }

    static async Task<JsonElement> RunAsync(string script, params string[] arguments)
    {
        var (exitCode, output, error) = await NodePackages.RunAsync(script, arguments);
        Assert.True(exitCode == 0, $"Exit code {exitCode}: {output}{error}");
        return JsonElement.Parse(output);
    }
}
