using System.Security.Claims;
using ModelContextProtocol.Server;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Errors;

/// <summary>What a caller is told who names a tool, resource or prompt that there is not. Those that the caller may not use are not named.</summary>
static class Unknown
{
    public static string Tool(McpServerOptions options, ClaimsPrincipal? user, string name) => Say("tool", "tools/list", name, Usable(options.ToolCollection, user, tool => tool.ProtocolTool.Name));

    public static string Prompt(McpServerOptions options, ClaimsPrincipal? user, string name) => Say("prompt", "prompts/list", name, Usable(options.PromptCollection, user, prompt => prompt.ProtocolPrompt.Name));

    /// <summary>The same for every address that cannot be read, whether or not there is something that others may see.</summary>
    public static string Resource(McpServerOptions options, ClaimsPrincipal? user, string uri)
    {
        var templates = Templates(options, user);
        var stores = Caller.From(user) switch
        {
            { Stores.IsEvery: true } => " list_stores names the stores.",
            { Stores.Names: var names } => $" Your stores: {string.Join(", ", names.Take(20))}{(names.Count > 20 ? " …" : "")}.",
            null => "",
        };
        // Up to the first variable, which may be anything.
        var fixedParts = templates.Select(template => template[..template.IndexOf('{', StringComparison.Ordinal)]).ToList();
        var near = fixedParts.Any(part => uri.StartsWith(part, StringComparison.Ordinal)) ? null
            : templates.Where((_, i) => Sent.Nearest(uri[..Math.Min(uri.Length, fixedParts[i].Length)], [fixedParts[i]]) is not null).FirstOrDefault();
        return $"Unknown resource URI: '{Sent.Shown(uri, 200)}'.{(near is null ? "" : $" Did you mean {near}?")} Allowed: {string.Join(", ", templates)}.{stores}";
    }

    public static List<string> Templates(McpServerOptions options, ClaimsPrincipal? user) =>
        Usable(options.ResourceCollection, user, resource => resource.ProtocolResourceTemplate.UriTemplate).FindAll(template => template.Contains('{', StringComparison.Ordinal));

    static string Say(string kind, string list, string name, List<string> usable) =>
        $"There is no {kind} '{Sent.Shown(name)}'.{Sent.Meant(name, usable)} {list} names those that you may use.";

    static List<string> Usable<T>(McpServerPrimitiveCollection<T>? collection, ClaimsPrincipal? user, Func<T, string> name) where T : IMcpServerPrimitive =>
        [.. (collection ?? []).Where(primitive => Scopes.MissingFrom(user, primitive).Length == 0).Select(name).Order(StringComparer.Ordinal)];
}
