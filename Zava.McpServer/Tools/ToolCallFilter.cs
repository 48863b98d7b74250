using System.Diagnostics;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Npgsql;
using Zava.Database;

namespace Zava.McpServer.Tools;

/// <summary>What every tool call passes through: arguments are checked before it, errors are put in words after it.</summary>
static class ToolCallFilter
{
    public static McpRequestHandler<CallToolRequestParams, CallToolResult> Create(McpRequestHandler<CallToolRequestParams, CallToolResult> next) =>
        async (request, cancellationToken) =>
        {
            if (request.MatchedPrimitive is not McpServerTool tool)
                return await next(request, cancellationToken);
            if (ArgumentValidator.Check(tool.ProtocolTool.InputSchema, request.Params?.Arguments) is { Count: > 0 } problems)
                return Error(string.Join('\n', problems));
            try
            {
                return await next(request, cancellationToken);
            }
            catch (McpException said) when (said is not McpProtocolException)
            {
                return Error(said.Message);
            }
            catch (QueryRefusedException refused)
            {
                return Error(refused.Message);
            }
            catch (PostgresException refused) when (Explain(refused) is { } explanation)
            {
                return Error(explanation);
            }
            catch (Exception failed) when (failed is not (OperationCanceledException or McpProtocolException))
            {
                request.Services!.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ToolCallFilter))
                    .LogError(failed, "Tool {Tool} failed", tool.ProtocolTool.Name);
                return Error($"{tool.ProtocolTool.Name} could not be carried out because of a fault in the server, not in the arguments. " +
                    $"Try again once; if it persists, tell the operator trace {Activity.Current?.TraceId.ToHexString() ?? "(none)"}.");
            }
        };

    static string? Explain(PostgresException refused) => refused.SqlState switch
    {
        PostgresErrorCodes.InvalidAuthorizationSpecification when refused.MessageText.StartsWith("Invalid or inactive store", StringComparison.Ordinal)
            => $"store_id: a store that was asked for, or that the token names, does not exist or is not active " +
               $"({refused.MessageText[(refused.MessageText.IndexOf(':') + 2)..]}). Allowed: an active store that the token names.",
        PostgresErrorCodes.ObjectNotInPrerequisiteState
            => "Search is not ready: no product has been embedded with the configured embedding model yet. Try again in a minute.",
        PostgresErrorCodes.QueryCanceled => "The query took too long and was stopped. Ask for less: one store, a lower limit.",
        _ => null,
    };

    static CallToolResult Error(string message) => new() { IsError = true, Content = [new TextContentBlock { Text = message }] };
}
