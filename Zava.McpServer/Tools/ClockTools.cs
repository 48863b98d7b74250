using System.ComponentModel;
using ModelContextProtocol.Server;

namespace Zava.McpServer.Tools;

/// <summary>What day it is: models do not know.</summary>
[McpServerToolType]
public sealed class ClockTools(TimeProvider time)
{
    public sealed record UtcDate(
        [property: Description("UTC date and time, ISO 8601")] DateTimeOffset UtcDateTime,
        [property: Description("UTC date")] DateOnly UtcDay);

    [McpServerTool(Name = "get_current_utc_date", Title = "Get the current date", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("The current date and time in UTC. Use it to resolve words such as today or last week; each store's days follow its own time zone, which list_stores gives.")]
    public UtcDate GetCurrentUtcDate()
    {
        var now = time.GetUtcNow();
        return new(now, DateOnly.FromDateTime(now.UtcDateTime));
    }
}
