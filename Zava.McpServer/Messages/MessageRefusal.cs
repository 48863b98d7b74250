using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace Zava.McpServer.Messages;

/// <summary>Why what was sent is no message that the server takes.</summary>
/// <param name="Code">Of JSON-RPC.</param>
/// <param name="Reason">For the client.</param>
/// <param name="Id">The id of the request, if it can be told; else the answer has <c>null</c>.</param>
sealed record MessageRefusal(McpErrorCode Code, string Reason, RequestId Id = default)
{
    public JsonRpcError Answer => new() { Id = Id, Error = new() { Code = (int)Code, Message = Reason } };
}
