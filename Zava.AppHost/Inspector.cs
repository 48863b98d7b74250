namespace Zava.AppHost;

static class InspectorExtensions
{
    /// <summary>The protocol's own debugging page, from npm; it runs when somebody starts it, and prints its address with a token.</summary>
    public static void AddInspector(this IDistributedApplicationBuilder builder, IResourceBuilder<ProjectResource> server) => builder
        .AddExecutable("mcp-inspector", "npx", builder.AppHostDirectory, "-y", "@modelcontextprotocol/inspector@2.12.0", "--web", "--transport", "http")
        .WithArgs("--server-url", ReferenceExpression.Create($"{server.GetEndpoint("http")}/mcp"))
        .WithHttpEndpoint(name: "http", env: "CLIENT_PORT", isProxied: false)
        .WithUrlForEndpoint("http", url => url.DisplayText = "MCP Inspector (its log has the address with the token)")
        .WithEnvironment("MCP_AUTO_OPEN_ENABLED", "false")
        .WithIconName("BugArrowCounterclockwise")
        .WithParentRelationship(server)
        .ExcludeFromManifest()
        .WithExplicitStart();
}
