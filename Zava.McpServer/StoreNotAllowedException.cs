using ModelContextProtocol;

namespace Zava.McpServer;

/// <summary>The caller asked for a store that the token does not name, whether or not it exists; the message is for the caller.</summary>
sealed class StoreNotAllowedException(string message) : McpException(message);
