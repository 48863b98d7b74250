using System.Collections.Frozen;
using System.Text.Json;
using ModelContextProtocol.Server;
using Zava.McpServer.Audit;
using Zava.McpServer.Http;

namespace Zava.McpServer.Identity;

/// <summary>
/// Answers a call of a tool, or a request for a resource or prompt, that the token has no scope for with 403 and the missing
/// scope, so that a client can ask for a better token. Where there is no HTTP, <see cref="ScopeFilter"/> refuses it.
/// </summary>
sealed class ScopeCheck(
    RequestDelegate next, IEnumerable<McpServerTool> tools, IEnumerable<McpServerResource> resources, IEnumerable<McpServerPrompt> prompts,
    BearerChallenge challenge, ToolCallRecorder recorder, TimeProvider time)
{
    readonly FrozenDictionary<string, McpServerTool> _tools = tools.ToFrozenDictionary(tool => tool.ProtocolTool.Name);
    readonly FrozenDictionary<string, McpServerPrompt> _prompts = prompts.ToFrozenDictionary(prompt => prompt.ProtocolPrompt.Name);
    readonly McpServerResource[] _resources = [.. resources];

    public async Task InvokeAsync(HttpContext context)
    {
        if (MessageCheck.MessageOf(context) is { } message && Requested(message) is { } primitive && Scopes.MissingFrom(context.User, primitive) is { Length: > 0 } missing)
        {
            recorder.Record(ToolCallRecorder.NameOf(primitive), Caller.From(context.User), storeId: null, ToolOutcome.Forbidden, rows: null, time.GetTimestamp());
            await challenge.RefuseAsync(context, StatusCodes.Status403Forbidden, "insufficient_scope", Scopes.Explain(primitive, missing), string.Join(' ', missing));
            return;
        }
        await next(context);
    }

    // The SDK takes names in any case, and the last of several.
    static JsonElement Property(JsonElement of, string name) => of.ValueKind == JsonValueKind.Object
        ? of.EnumerateObject().LastOrDefault(property => property.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value
        : default;

    static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // What is none of these is for the SDK to answer.
    IMcpServerPrimitive? Requested(JsonElement message)
    {
        string? Parameter(string name) => Text(Property(Property(message, "params"), name));
        return Text(Property(message, "method")) switch
        {
            "tools/call" => _tools.GetValueOrDefault(Parameter("name") ?? ""),
            "prompts/get" => _prompts.GetValueOrDefault(Parameter("name") ?? ""),
            "resources/read" when Parameter("uri") is { } uri => Array.Find(_resources, resource => resource.IsMatch(uri)),
            _ => null,
        };
    }
}
