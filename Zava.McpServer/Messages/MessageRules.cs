using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Zava.McpServer.Errors;

namespace Zava.McpServer.Messages;

/// <summary>
/// What a JSON-RPC message must be, however it comes. The SDK would answer some that are none with a fault or not at all, some
/// with names of its types, and read others, such as one with two names, differently than <see cref="Identity.ScopeCheck"/> does.
/// </summary>
static class MessageRules
{
    const int MaximumDepth = 32;

    static readonly string[] Members = ["jsonrpc", "id", "method", "params", "result", "error"];
    static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaximumDepth };

    /// <param name="text">What was sent.</param>
    /// <param name="message">The message, for the caller to dispose of; also one that is refused, if it is JSON.</param>
    /// <returns>Why it is refused; <c>null</c> when it is a message.</returns>
    public static MessageRefusal? Check(ReadOnlyMemory<byte> text, out JsonDocument? message)
    {
        message = Parse(WithoutPreamble(text));
        if (message is null)
            return new(McpErrorCode.ParseError, $"What was sent is not JSON in UTF-8 whose objects have each name once and which is at most {MaximumDepth} deep.");
        return Problem(message.RootElement, text.Span) is { } problem ? new(McpErrorCode.InvalidRequest, problem, IdOf(message.RootElement)) : null;
    }

    /// <summary>For parameters that the SDK could not read before any filter of ours.</summary>
    public static MessageRefusal WrongParameters(JsonElement message) =>
        new(McpErrorCode.InvalidParams, "params: something that the method needs is missing, or of another type than it takes.", IdOf(message));

    public static ReadOnlyMemory<byte> WithoutPreamble(ReadOnlyMemory<byte> text) =>
        text.Span.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text;

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
            return "What was sent must be one JSON-RPC message, which is an object.";
        if ((text.IndexOf("\\ud"u8) >= 0 || text.IndexOf("\\uD"u8) >= 0) && !IsText(message))
            return "A text has half of a surrogate pair (\\ud800 to \\udfff), which is no character.";
        foreach (var member in message.EnumerateObject())
            if (member.Name switch
            {
                "jsonrpc" => member.Value.ValueKind == JsonValueKind.String && member.Value.ValueEquals("2.0") ? null : "\"2.0\"",
                "id" => member.Value.ValueKind == JsonValueKind.String || (member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt64(out _)) ? null : "a text or a whole number",
                "method" => member.Value.ValueKind == JsonValueKind.String ? null : "a text",
                "params" => ProblemOfParameters(member.Value),
                "result" => null,
                "error" => IsError(member.Value) ? null : "an object with a whole number code and a text message",
                _ => $"{string.Join(", ", Members)}; nothing else",
            } is { } allowed)
                return $"{Sent.Shown(member.Name)}: {Sent.Shown(member.Value.GetRawText())} was sent. Allowed: {allowed}.";
        if (!message.TryGetProperty("jsonrpc", out _))
            return "jsonrpc: is missing. Allowed: \"2.0\".";
        if (message.TryGetProperty("method", out _) || message.TryGetProperty("error", out _))
            return null;
        return !message.TryGetProperty("result", out _) ? "method: is missing. Allowed: a text."
            : !message.TryGetProperty("id", out _) ? "id: is missing. Allowed: a text or a whole number, that of the request that the result answers."
            : null;
    }

    static string? ProblemOfParameters(JsonElement parameters) => parameters.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Object => parameters.TryGetProperty("_meta", out var meta) && meta.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null) ? "an object, whose _meta is an object too" : null,
        _ => "an object, or left out",
    };

    static bool IsError(JsonElement error) => error.ValueKind == JsonValueKind.Object
        && error.TryGetProperty("code", out var code) && code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out _)
        && error.TryGetProperty("message", out var said) && said.ValueKind == JsonValueKind.String;

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

    static RequestId IdOf(JsonElement message) => message.ValueKind == JsonValueKind.Object && message.TryGetProperty("id", out var id)
        ? id.ValueKind switch
        {
            JsonValueKind.String when IsText(id) => new(id.GetString()!),
            JsonValueKind.Number when id.TryGetInt64(out var number) => new(number),
            _ => default,
        }
        : default;
}
