namespace Zava.McpServer.Audit;

/// <summary>One call of a tool, as it is kept: neither arguments nor results.</summary>
/// <param name="Outcome">See <see cref="ToolOutcome"/>.</param>
/// <param name="Rows">Rows or items in the answer; <c>null</c> when there is none.</param>
sealed record ToolCallRecord(
    DateTimeOffset CalledAt, string Tool, string UserName, string? StoreId, string Outcome, int? Rows, double DurationMs, string? TraceId);

static class ToolOutcome
{
    public const string Ok = "ok";

    /// <summary>Wrong arguments, a wrong query, or a store that the caller may not see.</summary>
    public const string Refused = "refused";

    /// <summary>The token lacks the tool's scope.</summary>
    public const string Forbidden = "forbidden";

    public const string Cancelled = "cancelled";

    /// <summary>The server's own.</summary>
    public const string Fault = "fault";
}
