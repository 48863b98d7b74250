namespace Zava.McpServer.Identity;

/// <summary>A user to try the server as, in Development.</summary>
/// <param name="Name">Short name, as in .zava/mcp.json.</param>
/// <param name="User">The token's subject.</param>
/// <param name="Stores">The stores that the token names; <c>*</c> for every store.</param>
public sealed record Persona(string Name, string User, string[] Stores)
{
    public static readonly IReadOnlyList<Persona> All =
    [
        new("seattle-manager", "seattle.manager@zava.example", ["seattle"]),
        new("redmond-manager", "redmond.manager@zava.example", ["redmond"]),
        new("online-merchandiser", "online.merchandiser@zava.example", ["online"]),
        new("head-office", "head.office@zava.example", ["*"]),
    ];
}
