using System.ComponentModel.DataAnnotations;

namespace Zava.EmbeddingWorker;

/// <summary>How the worker works: the section <c>EmbeddingWorker</c> of the configuration.</summary>
public sealed class EmbeddingWorkerOptions
{
    public const string Section = "EmbeddingWorker";

    /// <summary>Texts claimed at once: few enough that a lost batch is cheap, enough that a round trip is shared.</summary>
    [Range(1, 2048)]
    public int BatchSize { get; set; } = 64;

    /// <summary>Characters in one request, at most; a text has up to 8,000. The default is well below 300,000 tokens, OpenAI's limit.</summary>
    [Range(8_000, 10_000_000)]
    public int RequestCharacters { get; set; } = 200_000;

    /// <summary>For how long claimed texts are left to this worker, unless it says that it is still at work.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan Lease { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>A text that the provider refuses so often is a dead letter.</summary>
    [Range(1, 100)]
    public int MaximumAttempts { get; set; } = 3;

    /// <summary>For how long one request may take.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How often a request that failed is repeated.</summary>
    [Range(1, 20)]
    public int Retries { get; set; } = 4;

    /// <summary>Before the first repetition; it doubles, with jitter. A provider's Retry-After comes first.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:01:00")]
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>For how long nothing is claimed once the provider is found to be down.</summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "01:00:00")]
    public TimeSpan Pause { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Requests a minute, of this worker; <c>null</c> for any number.</summary>
    [Range(1, 1_000_000)]
    public int? RequestsPerMinute { get; set; }

    /// <summary>Tokens a minute, of this worker, estimated at three characters each; <c>null</c> for any number.</summary>
    [Range(1_000, int.MaxValue)]
    public int? TokensPerMinute { get; set; }
}
