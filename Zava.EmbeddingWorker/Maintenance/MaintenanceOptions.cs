namespace Zava.EmbeddingWorker.Maintenance;

/// <summary>The section <c>Maintenance</c>.</summary>
public sealed class MaintenanceOptions
{
    public const string Section = "Maintenance";

    /// <summary>Whether this worker maintains the database each Sunday at 02:00 UTC; one worker is enough.</summary>
    public bool Enabled { get; set; }
}
