namespace Zava.McpServer.Operations;

/// <summary>Says of an endpoint where a browser without a token is sent to sign in.</summary>
sealed record SignInPath(string Path);
