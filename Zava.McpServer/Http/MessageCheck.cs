using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.Net.Http.Headers;
using ModelContextProtocol;
using Zava.McpServer.Errors;

namespace Zava.McpServer.Http;

/// <summary>
/// Refuses a body that is no JSON-RPC message in words that say why. The SDK would answer some of them with a fault, some with
/// names of its types, and read others, such as one with two names, differently than <see cref="Identity.ScopeCheck"/> does.
/// </summary>
sealed class MessageCheck(RequestDelegate next)
{
    const int MaximumDepth = 32;

    static readonly string[] Members = ["jsonrpc", "id", "method", "params", "result", "error"];
    static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaximumDepth };

    /// <summary>The message of a request that has passed.</summary>
    public static JsonElement? MessageOf(HttpContext context) => context.Items[typeof(MessageCheck)] is JsonDocument message ? message.RootElement : null;

    public async Task InvokeAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method) || context.User.Identity is not { IsAuthenticated: true })
        {
            await next(context);
            return;
        }
        if (!context.Request.HasJsonContentType()
            || (MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) && type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            await RefuseAsync(context, StatusCodes.Status415UnsupportedMediaType, McpErrorCode.InvalidRequest, "Content-Type: Allowed: application/json, in UTF-8.");
            return;
        }
        // Small: the server limits it (Limits:RequestBytes).
        var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        catch (BadHttpRequestException refused)
        {
            await RefuseAsync(context, refused.StatusCode, McpErrorCode.InvalidRequest, refused.Message);
            return;
        }
        context.Request.Body = body;
        var text = body.GetBuffer().AsMemory(0, (int)body.Length);
        using var message = Parse(text.Span.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text);
        if (message is null)
            await RefuseAsync(context, StatusCodes.Status400BadRequest, McpErrorCode.ParseError,
                $"The body is not JSON in UTF-8 whose objects have each name once and which is at most {MaximumDepth} deep.");
        else if (Problem(message.RootElement, text.Span) is { } problem)
            await RefuseAsync(context, StatusCodes.Status400BadRequest, McpErrorCode.InvalidRequest, problem, message.RootElement);
        else
        {
            body.Position = 0;
            context.Items[typeof(MessageCheck)] = message;
            try
            {
                await next(context);
            }
            // The SDK reads the parameters of initialize before any filter.
            catch (JsonException) when (!context.Response.HasStarted)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, McpErrorCode.InvalidParams,
                    "params: something that the method needs is missing, or of another type than it takes.", message.RootElement);
            }
        }
    }

    static JsonDocument? Parse(ReadOnlyMemory<byte> text)
    {
        try
        {
            return Utf8.IsValid(text.Span) ? JsonDocument.Parse(text, Strict) : null;
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            return null; // the latter: a name with half of a surrogate pair
        }
    }

    static string? Problem(JsonElement message, ReadOnlySpan<byte> text)
    {
        if (message.ValueKind != JsonValueKind.Object)
            return "The body must be one JSON-RPC message, which is an object.";
        if ((text.IndexOf("\\ud"u8) >= 0 || text.IndexOf("\\uD"u8) >= 0) && !IsText(message))
            return "A text has half of a surrogate pair (\\ud800 to \\udfff), which is no character.";
        foreach (var member in message.EnumerateObject())
            if (member.Name switch
            {
                "jsonrpc" => member.Value.ValueKind == JsonValueKind.String && member.Value.ValueEquals("2.0") ? null : "\"2.0\"",
                "id" => member.Value.ValueKind == JsonValueKind.String || (member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt64(out _)) ? null : "a text or a whole number",
                "method" => member.Value.ValueKind == JsonValueKind.String ? null : "a text",
                "params" => ProblemOfParameters(member.Value),
                "result" or "error" => null,
                _ => $"{string.Join(", ", Members)}; nothing else",
            } is { } allowed)
                return $"{Sent.Shown(member.Name)}: {Sent.Shown(member.Value.GetRawText())} was sent. Allowed: {allowed}.";
        return !message.TryGetProperty("jsonrpc", out _) ? "jsonrpc: is missing. Allowed: \"2.0\"."
            : !message.TryGetProperty("method", out _) && !message.TryGetProperty("result", out _) && !message.TryGetProperty("error", out _) ? "method: is missing. Allowed: a text."
            : null;
    }

    static string? ProblemOfParameters(JsonElement parameters) => parameters.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Object => parameters.TryGetProperty("_meta", out var meta) && meta.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null) ? "an object, whose _meta is an object too" : null,
        _ => "an object, or left out",
    };

    static bool IsText(JsonElement value)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.String => value.GetString() is not null,
                JsonValueKind.Array => value.EnumerateArray().All(IsText),
                JsonValueKind.Object => value.EnumerateObject().All(property => property.Name is not null && IsText(property.Value)),
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    static Task RefuseAsync(HttpContext context, int status, McpErrorCode code, string message, JsonElement request = default)
    {
        context.Response.StatusCode = status;
        object? id = request.ValueKind == JsonValueKind.Object && request.TryGetProperty("id", out var sent)
            && (sent.ValueKind == JsonValueKind.Number || (sent.ValueKind == JsonValueKind.String && IsText(sent))) ? sent : null;
        return context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id, error = new { code = (int)code, message } });
    }
}
