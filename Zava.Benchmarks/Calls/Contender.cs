namespace Zava.Benchmarks.Calls;

/// <summary>Somebody who answers the queries: a server in a process of its own, or the load generator itself.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Process">The server; <c>null</c> for the load generator.</param>
/// <param name="JobOf">The load for a query, whose clients and time are set later.</param>
sealed record Contender(string Name, MeasuredProcess? Process, Func<Query, LoadJob> JobOf)
{
    /// <summary>Seconds from its start to its first answer; <c>null</c> where nothing was started.</summary>
    public double? StartSeconds { get; init; }

    /// <summary>The headers of an MCP client that takes every answer.</summary>
    public static Dictionary<string, string> McpHeaders(string? token = null)
    {
        var headers = new Dictionary<string, string> { ["Accept"] = "application/json, text/event-stream", ["MCP-Protocol-Version"] = "2025-06-18" };
        if (token is not null)
            headers["Authorization"] = $"Bearer {token}";
        return headers;
    }
}
