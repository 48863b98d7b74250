using System.Collections.Frozen;
using System.Text.Json;
using ModelContextProtocol.Server;
using Zava.McpServer.Audit;

namespace Zava.McpServer.Identity;

/// <summary>
/// Answers a call of a tool that the token has no scope for with 403 and the missing scope, so that a client can ask for a
/// better token. The SDK would refuse it too, but with a protocol error under status 200.
/// </summary>
sealed class ToolScopeCheck(RequestDelegate next, IEnumerable<McpServerTool> tools, BearerChallenge challenge, ToolCallRecorder recorder, TimeProvider time)
{
    readonly FrozenDictionary<string, string[]> _required = tools.ToFrozenDictionary(tool => tool.ProtocolTool.Name, Scopes.RequiredBy);

    public async Task InvokeAsync(HttpContext context)
    {
        if (HttpMethods.IsPost(context.Request.Method) && context.User.Identity is { IsAuthenticated: true })
        {
            // Small: the server limits it (Limits:RequestBytes).
            var body = new MemoryStream();
            try
            {
                await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            }
            catch (BadHttpRequestException tooLarge)
            {
                context.Response.StatusCode = tooLarge.StatusCode;
                await context.Response.WriteAsJsonAsync(new { error = "invalid_request", error_description = tooLarge.Message });
                return;
            }
            context.Request.Body = body;
            if (CalledTool(body) is { } tool
                && _required.TryGetValue(tool, out var required)
                && required.Where(scope => !Scopes.Has(context.User, scope)).ToArray() is { Length: > 0 } missing)
            {
                recorder.Record(tool, Caller.From(context.User), storeId: null, ToolOutcome.Forbidden, rows: null, time.GetTimestamp());
                await challenge.RefuseAsync(context, StatusCodes.Status403Forbidden, "insufficient_scope",
                    $"The tool {tool} needs the scope {string.Join(" and ", missing)}.", string.Join(' ', missing));
                return;
            }
            body.Position = 0;
        }
        await next(context);
    }

    // What is no tool call, or no JSON, is for the SDK to answer.
    static string? CalledTool(MemoryStream body)
    {
        try
        {
            using var message = JsonDocument.Parse(body.GetBuffer().AsMemory(0, (int)body.Length));
            return message.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("method", out var method) && method.ValueKind == JsonValueKind.String && method.ValueEquals("tools/call")
                && root.TryGetProperty("params", out var parameters) && parameters.ValueKind == JsonValueKind.Object
                && parameters.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
                ? name.GetString()
                : null;
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
