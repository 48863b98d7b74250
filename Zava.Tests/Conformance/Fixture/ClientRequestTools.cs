using System.ComponentModel;
using System.Text.Json;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Zava.Tests.Conformance.Fixture;

/// <summary>Tools that send the client a request of their own and wait for its answer, as revisions up to 2025-11-25 do it.</summary>
[McpServerToolType]
sealed class ClientRequestTools
{
#pragma warning disable MCP9005 // Sampling is deprecated, and still part of the suite.
    [McpServerTool(Name = "test_sampling"), Description("Asks the client's model.")]
    public static async Task<string> SampleAsync(RequestContext<CallToolRequestParams> request, [Description("What to ask")] string prompt, CancellationToken cancellationToken)
    {
        var answer = await request.Server.SampleAsync(Input.Sampling(prompt, 100), cancellationToken);
        return $"LLM response: {answer.Content.OfType<TextContentBlock>().First().Text}";
    }
#pragma warning restore MCP9005

    [McpServerTool(Name = "test_elicitation"), Description("Asks the user.")]
    public static Task<string> ElicitAsync(RequestContext<CallToolRequestParams> request, [Description("What to ask")] string message, CancellationToken cancellationToken) =>
        AskAsync(request, message, cancellationToken,
            ("username", new ElicitRequestParams.StringSchema { Description = "User's response" }),
            ("email", new ElicitRequestParams.StringSchema { Description = "User's email address" }));

    [McpServerTool(Name = "test_elicitation_sep1034_defaults"), Description("Asks with a default of every type.")]
    public static Task<string> DefaultsAsync(RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken) =>
        AskAsync(request, "Please check the defaults.", cancellationToken,
            ("name", new ElicitRequestParams.StringSchema { Default = "John Doe" }),
            ("age", new ElicitRequestParams.NumberSchema { Type = "integer", Default = 30 }),
            ("score", new ElicitRequestParams.NumberSchema { Default = 95.5 }),
            ("status", new ElicitRequestParams.UntitledSingleSelectEnumSchema { Enum = ["active", "inactive", "pending"], Default = "active" }),
            ("verified", new ElicitRequestParams.BooleanSchema { Default = true }));

#pragma warning disable MCP9001 // enumNames is deprecated, and still part of the suite.
    [McpServerTool(Name = "test_elicitation_sep1330_enums"), Description("Asks with every kind of choice.")]
    public static Task<string> ChoicesAsync(RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken)
    {
        string[] options = ["option1", "option2", "option3"];
        ElicitRequestParams.EnumSchemaOption[] titled =
            [new() { Const = "value1", Title = "First" }, new() { Const = "value2", Title = "Second" }, new() { Const = "value3", Title = "Third" }];
        return AskAsync(request, "Please choose.", cancellationToken,
            ("untitledSingle", new ElicitRequestParams.UntitledSingleSelectEnumSchema { Enum = options }),
            ("titledSingle", new ElicitRequestParams.TitledSingleSelectEnumSchema { OneOf = titled }),
            ("legacyEnum", new ElicitRequestParams.LegacyTitledEnumSchema { Enum = ["opt1", "opt2", "opt3"], EnumNames = ["Option One", "Option Two", "Option Three"] }),
            ("untitledMulti", new ElicitRequestParams.UntitledMultiSelectEnumSchema { Items = new() { Enum = options } }),
            ("titledMulti", new ElicitRequestParams.TitledMultiSelectEnumSchema { Items = new() { AnyOf = titled } }));
    }
#pragma warning restore MCP9001

    static async Task<string> AskAsync(
        RequestContext<CallToolRequestParams> request, string message, CancellationToken cancellationToken, params (string Field, ElicitRequestParams.PrimitiveSchemaDefinition Schema)[] fields)
    {
        var answer = await request.Server.ElicitAsync(new()
        {
            Message = message,
            RequestedSchema = new() { Properties = fields.ToDictionary(field => field.Field, field => field.Schema), Required = [.. fields.Select(field => field.Field)] },
        }, cancellationToken);
        return $"User response: action={answer.Action}, content={JsonSerializer.Serialize(answer.Content)}";
    }
}
