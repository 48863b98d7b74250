using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using Microsoft.Net.Http.Headers;
using ModelContextProtocol.Server;
using Zava.McpServer.Audit;

namespace Zava.McpServer.Identity;

/// <summary>
/// Answers a call of a tool that the token has no scope for with 403 and the missing scope, so that a client can ask for a
/// better token. Where there is no HTTP, <see cref="ToolScopeFilter"/> refuses it.
/// </summary>
sealed class ToolScopeCheck(RequestDelegate next, IEnumerable<McpServerTool> tools, BearerChallenge challenge, ToolCallRecorder recorder, TimeProvider time)
{
    readonly FrozenDictionary<string, string[]> _required = tools.ToFrozenDictionary(tool => tool.ProtocolTool.Name, Scopes.RequiredBy);

    public async Task InvokeAsync(HttpContext context)
    {
        if (HttpMethods.IsPost(context.Request.Method) && context.User.Identity is { IsAuthenticated: true })
        {
            // What this check and the SDK might read differently.
            if (MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) && type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            {
                context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
                await context.Response.WriteAsJsonAsync(new { error = "invalid_request", error_description = "Send JSON in UTF-8." });
                return;
            }
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
                    Scopes.Explain(tool, missing), string.Join(' ', missing));
                return;
            }
            body.Position = 0;
        }
        await next(context);
    }

    // The SDK takes names in any case, and the last of several.
    static JsonElement Property(JsonElement of, string name) => of.ValueKind == JsonValueKind.Object
        ? of.EnumerateObject().LastOrDefault(property => property.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value
        : default;

    static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // What is no tool call, or no JSON, is for the SDK to answer.
    static string? CalledTool(MemoryStream body)
    {
        try
        {
            var json = body.GetBuffer().AsMemory(0, (int)body.Length);
            using var message = JsonDocument.Parse(json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json);
            return Text(Property(message.RootElement, "method")) == "tools/call" ? Text(Property(Property(message.RootElement, "params"), "name")) : null;
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
