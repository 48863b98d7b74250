using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using Microsoft.Net.Http.Headers;
using ModelContextProtocol.Server;
using Zava.McpServer.Audit;

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
            if (Requested(body) is { } primitive && Scopes.MissingFrom(context.User, primitive) is { Length: > 0 } missing)
            {
                recorder.Record(ToolCallRecorder.NameOf(primitive), Caller.From(context.User), storeId: null, ToolOutcome.Forbidden, rows: null, time.GetTimestamp());
                await challenge.RefuseAsync(context, StatusCodes.Status403Forbidden, "insufficient_scope",
                    Scopes.Explain(primitive, missing), string.Join(' ', missing));
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

    // What is none of these, or no JSON, is for the SDK to answer.
    IMcpServerPrimitive? Requested(MemoryStream body)
    {
        try
        {
            var json = body.GetBuffer().AsMemory(0, (int)body.Length);
            using var message = JsonDocument.Parse(json.Span.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json);
            string? Parameter(string name) => Text(Property(Property(message.RootElement, "params"), name));
            return Text(Property(message.RootElement, "method")) switch
            {
                "tools/call" => _tools.GetValueOrDefault(Parameter("name") ?? ""),
                "prompts/get" => _prompts.GetValueOrDefault(Parameter("name") ?? ""),
                "resources/read" when Parameter("uri") is { } uri => Array.Find(_resources, resource => resource.IsMatch(uri)),
                _ => null,
            };
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
