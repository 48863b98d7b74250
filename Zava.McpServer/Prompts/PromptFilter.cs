using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Zava.McpServer.Errors;
using Zava.McpServer.Tools;

namespace Zava.McpServer.Prompts;

/// <summary>What every prompt passes through: a wrong argument is named, with what is allowed.</summary>
static class PromptFilter
{
    const int MaximumLength = 500;

    public static McpRequestHandler<GetPromptRequestParams, GetPromptResult> Create(McpRequestHandler<GetPromptRequestParams, GetPromptResult> next) =>
        async (request, cancellationToken) =>
        {
            if (request.MatchedPrimitive is not McpServerPrompt prompt)
                throw new McpProtocolException(Unknown.Prompt(request.Server.ServerOptions, request.User, request.Params?.Name ?? ""), McpErrorCode.InvalidParams);
            if (Problem(prompt.ProtocolPrompt, request.Params?.Arguments) is { } problem)
                throw new McpProtocolException(problem, McpErrorCode.InvalidParams);
            try
            {
                return await next(request, cancellationToken);
            }
            catch (McpException said) when (said is not McpProtocolException)
            {
                throw new McpProtocolException(said.Message, McpErrorCode.InvalidParams);
            }
        };

    static string? Problem(Prompt prompt, IDictionary<string, JsonElement>? sent)
    {
        var known = prompt.Arguments ?? [];
        var names = known.Select(argument => argument.Name).ToList();
        return sent?.Keys.FirstOrDefault(name => !names.Contains(name)) is { } unknown
            ? $"{Sent.Shown(unknown)}: is not an argument of {prompt.Name}.{Sent.Meant(unknown, names)} Allowed: {(names.Count == 0 ? "no arguments" : string.Join(", ", names))}."
            : known.Select(argument => Problem(argument, sent is not null && sent.TryGetValue(argument.Name, out var value) ? value : default))
                .FirstOrDefault(problem => problem is not null);
    }

    static string? Problem(PromptArgument argument, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Undefined when argument.Required is true => $"{argument.Name}: is missing. Allowed: a text of 1 to {MaximumLength} characters.",
        JsonValueKind.Undefined => null,
        JsonValueKind.String when ArgumentValidator.TextOf(value) is { Length: > 0 and <= MaximumLength } text && !text.Any(char.IsControl) => null,
        _ => $"{argument.Name}: {Sent.Shown(value.GetRawText())} was sent. Allowed: a text of 1 to {MaximumLength} characters without control characters{(argument.Required is true ? "" : ", or left out")}.",
    };
}
