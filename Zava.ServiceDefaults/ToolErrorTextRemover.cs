using System.Diagnostics;
using OpenTelemetry;

namespace Zava.ServiceDefaults;

/// <summary>
/// Keeps what a tool told its caller, and what an embedding provider answered, out of traces: the MCP SDK and
/// Microsoft.Extensions.AI make it the span's status, and it may quote what the caller wrote. That it failed, and the name, stay.
/// </summary>
sealed class ToolErrorTextRemover : BaseProcessor<Activity>
{
    public const string Source = "Experimental.ModelContextProtocol";

    public const string EmbeddingSource = "Experimental.Microsoft.Extensions.AI";

    public override void OnEnd(Activity data)
    {
        if (data.Source.Name is Source or EmbeddingSource && data.StatusDescription is not null)
            data.SetStatus(data.Status);
    }
}
