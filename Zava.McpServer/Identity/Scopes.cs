using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol.Server;

namespace Zava.McpServer.Identity;

/// <summary>What a token may be used for. Each scope is also the name of the authorization policy that requires it.</summary>
public static class Scopes
{
    /// <summary>Read stores, categories and products.</summary>
    public const string CatalogRead = "catalog.read";

    /// <summary>Read reports on sales and customers.</summary>
    public const string SalesRead = "sales.read";

    /// <summary>Record sales.</summary>
    public const string SalesWrite = "sales.write";

    /// <summary>Run SQL of one's own, read-only.</summary>
    public const string SalesSql = "sales.sql";

    /// <summary>See the names, addresses, phone numbers and birth dates of customers; without it they are masked.</summary>
    public const string CustomersRead = "customers.read";

    /// <summary>Change stock.</summary>
    public const string InventoryWrite = "inventory.write";

    /// <summary>See how the system runs.</summary>
    public const string OpsRead = "ops.read";

    public static readonly string[] All = [CatalogRead, SalesRead, SalesWrite, SalesSql, CustomersRead, InventoryWrite, OpsRead];

    /// <summary>Whether a token has a scope: <c>scope</c> (RFC 9068) or, from Entra ID, <c>scp</c>, separated by spaces.</summary>
    public static bool Has(ClaimsPrincipal principal, string scope) => principal.Claims
        .Where(claim => claim.Type is "scope" or "scp")
        .Any(claim => claim.Value.Split(' ').Contains(scope));

    /// <summary>The scopes that the <see cref="AuthorizeAttribute"/>s of a tool, resource or prompt require.</summary>
    public static string[] RequiredBy(IMcpServerPrimitive primitive) =>
        [.. primitive.Metadata.OfType<IAuthorizeData>().Select(required => required.Policy).OfType<string>().Distinct()];

    /// <summary>Those of them that a caller's token lacks.</summary>
    public static string[] MissingFrom(ClaimsPrincipal? caller, IMcpServerPrimitive primitive) =>
        [.. RequiredBy(primitive).Where(scope => caller is null || !Has(caller, scope))];

    /// <summary>What a caller is told who lacks scopes.</summary>
    public static string Explain(IMcpServerPrimitive primitive, IEnumerable<string> missing) =>
        $"The {Named(primitive)} needs the scope {string.Join(" and ", missing)}.";

    static string Named(IMcpServerPrimitive primitive) => primitive switch
    {
        McpServerResource resource => $"resource {resource.ProtocolResourceTemplate.Name}",
        McpServerPrompt => $"prompt {primitive.Id}",
        _ => $"tool {primitive.Id}",
    };
}
