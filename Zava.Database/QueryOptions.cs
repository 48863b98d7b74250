using System.ComponentModel.DataAnnotations;

namespace Zava.Database;

/// <summary>What one query of a caller's own may take: the section <c>Query</c> of the configuration.</summary>
public sealed class QueryOptions
{
    public const string Section = "Query";

    /// <summary>The dearest plan that is run, in the planner's units: about one for each page of 8 KiB read in order.</summary>
    [Range(1, 1e12)]
    public double MaximumCost { get; set; } = 5_000_000;

    /// <summary>The largest answer, in characters of all its values.</summary>
    [Range(1_000, 10_000_000)]
    public int MaximumCharacters { get; set; } = 100_000;

    /// <summary>The longest value; a longer one is cut.</summary>
    [Range(10, 1_000_000)]
    public int MaximumValueCharacters { get; set; } = 4_000;

    /// <summary>How many queries of one login run at once on one server; more wait, for a few seconds.</summary>
    [Range(1, 8)]
    public int Concurrency { get; set; } = 4;
}
