using System.ComponentModel.DataAnnotations;

namespace Zava.McpServer.Lists;

/// <summary>How lists of tools, resources and prompts are given: the section <c>Lists</c> of the configuration.</summary>
public sealed class ListOptions
{
    public const string Section = "Lists";

    /// <summary>Entries of one answer; a longer list has a <c>nextCursor</c>.</summary>
    [Range(1, 1_000)]
    public int PageSize { get; set; } = 100;
}
