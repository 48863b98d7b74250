namespace Zava.McpServer.Identity;

/// <summary>A user to try the server as, in Development.</summary>
/// <param name="Name">Short name, as in .zava/mcp.json.</param>
/// <param name="User">The token's subject.</param>
/// <param name="Stores">The stores that the token names; <c>*</c> for every store.</param>
/// <param name="Scopes">What the token may be used for.</param>
public sealed record Persona(string Name, string User, string[] Stores, string[] Scopes)
{
    static readonly string[] Manager =
        [Identity.Scopes.CatalogRead, Identity.Scopes.SalesRead, Identity.Scopes.SalesWrite, Identity.Scopes.SalesSql, Identity.Scopes.CustomersRead, Identity.Scopes.InventoryWrite];

    public static readonly IReadOnlyList<Persona> All =
    [
        new("seattle-manager", "seattle.manager@zava.example", ["seattle"], Manager),
        new("redmond-manager", "redmond.manager@zava.example", ["redmond"], Manager),
        // Plans the assortment: sees what sells, and no customer.
        new("online-merchandiser", "online.merchandiser@zava.example", ["online"],
            [Identity.Scopes.CatalogRead, Identity.Scopes.SalesRead, Identity.Scopes.SalesSql]),
        new("head-office", "head.office@zava.example", ["*"], Identity.Scopes.All),
    ];
}
