using System.ComponentModel.DataAnnotations;

namespace Zava.McpServer.Http;

/// <summary>What one request and one user may take: the section <c>Limits</c> of the configuration.</summary>
public sealed class LimitOptions
{
    public const string Section = "Limits";

    /// <summary>Requests a minute of one user, all of which may come at once; more are answered 429.</summary>
    [Range(1, 1_000_000)]
    public int RequestsPerMinute { get; set; } = 600;

    /// <summary>The largest request body, in bytes; a larger one is answered 413.</summary>
    [Range(1_024, 16 * 1_024 * 1_024)]
    public int RequestBytes { get; set; } = 256 * 1_024;

    /// <summary>How long a request may take, in seconds; then it is cancelled, in PostgreSQL too.</summary>
    [Range(1, 600)]
    public int RequestSeconds { get; set; } = 60;
}
