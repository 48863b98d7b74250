namespace Zava.McpServer.Resources;

/// <summary>There is no such resource that the caller may see; which of the two it is, nobody is told.</summary>
sealed class ResourceNotFoundException : Exception;
