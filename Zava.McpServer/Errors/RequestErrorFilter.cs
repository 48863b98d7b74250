using System.Diagnostics;
using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Zava.McpServer.Errors;

/// <summary>
/// Around every request: what no other filter has put in words would be "An error occurred" to the client. Parameters that
/// are not what the method takes are named; anything else is a fault, of which the client gets the trace and the log the rest.
/// </summary>
static class RequestErrorFilter
{
    public static McpMessageHandler Create(McpMessageHandler next) => async (message, cancellationToken) =>
    {
        try
        {
            await next(message, cancellationToken);
        }
        catch (JsonException malformed) when (message.JsonRpcMessage is JsonRpcRequest request)
        {
            throw new McpProtocolException(Explain(request, malformed), McpErrorCode.InvalidParams);
        }
        catch (InvalidOperationException malformed) when (message.JsonRpcMessage is JsonRpcRequest && malformed.Source == "System.Text.Json")
        {
            throw new McpProtocolException("params: a text in it has half of a surrogate pair (\\ud800 to \\udfff), which is no character.", McpErrorCode.InvalidParams);
        }
        catch (Exception failed) when (message.JsonRpcMessage is JsonRpcRequest && failed is not (OperationCanceledException or McpException or InputRequiredException))
        {
            throw new McpProtocolException(DatabaseError.Explain(failed) ?? Fault(message, failed), McpErrorCode.InternalError);
        }
    };

    // The reader's own message names types of the server.
    static string Explain(JsonRpcRequest request, JsonException malformed) => malformed.Path is { Length: > 1 } path
        ? $"params{Sent.Shown(path[1..])}: it is not of the type that {Sent.Shown(request.Method)} takes there."
        : $"params: something that {Sent.Shown(request.Method)} needs is missing, or of another type than it takes.";

    static string Fault(MessageContext message, Exception failed)
    {
        var method = ((JsonRpcRequest)message.JsonRpcMessage).Method;
        message.Services!.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(RequestErrorFilter)).LogError(failed, "Request {Method} failed", method);
        return $"{method} could not be carried out because of a fault in the server. Try again once; if it persists, tell the operator trace {Activity.Current?.TraceId.ToHexString() ?? "(none)"}.";
    }
}
