using System.Diagnostics;
using OpenTelemetry;

namespace Zava.ServiceDefaults;

/// <summary>
/// Keeps what a tool told its caller out of traces: the MCP SDK makes it the span's status, and it quotes what the caller
/// wrote. That the call failed, and the tool's name, stay.
/// </summary>
sealed class ToolErrorTextRemover : BaseProcessor<Activity>
{
    public const string Source = "Experimental.ModelContextProtocol";

    public override void OnEnd(Activity data)
    {
        if (data.Source.Name == Source && data.StatusDescription is not null)
            data.SetStatus(data.Status);
    }
}
