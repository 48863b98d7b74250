using ModelContextProtocol;

namespace Zava.McpServer.Stdio;

/// <summary>The token in ZAVA_TOKEN does not let its bearer in; the message says why, and the client may see it.</summary>
sealed class TokenRefusedException(string message) : McpProtocolException(message, McpErrorCode.InvalidRequest);
