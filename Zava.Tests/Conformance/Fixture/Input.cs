using System.Text.Json;
using ModelContextProtocol.Protocol;

namespace Zava.Tests.Conformance.Fixture;

/// <summary>What a tool or prompt asks of the client's user or model, and how the answers are read.</summary>
static class Input
{
    public static InputRequest Ask(string message, string field, ElicitRequestParams.PrimitiveSchemaDefinition? schema = null) =>
        InputRequest.ForElicitation(new()
        {
            Message = message,
            RequestedSchema = new() { Properties = { [field] = schema ?? new ElicitRequestParams.StringSchema() }, Required = [field] },
        });

#pragma warning disable MCP9005 // Sampling and roots are deprecated, and still part of the suite.
    public static CreateMessageRequestParams Sampling(string prompt, int maxTokens) => new()
    {
        Messages = [new() { Role = Role.User, Content = [new TextContentBlock { Text = prompt }] }],
        MaxTokens = maxTokens,
    };

    public static InputRequest Sample(string prompt, int maxTokens) => InputRequest.ForSampling(Sampling(prompt, maxTokens));

    public static InputRequest Roots() => InputRequest.ForRootsList(new());
#pragma warning restore MCP9005

    /// <summary>A text that the user gave; <c>null</c> when there is none, or something else is in its place.</summary>
    public static string? Text(IDictionary<string, InputResponse>? responses, string key, string field) =>
        Answer(responses, key) is { } answer
        && answer.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.Object
        && content.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>An answer, whatever it is, if it is an object.</summary>
    public static JsonElement? Answer(IDictionary<string, InputResponse>? responses, string key) =>
        responses is not null && responses.TryGetValue(key, out var response) && response.RawValue.ValueKind == JsonValueKind.Object
            ? response.RawValue
            : null;
}
