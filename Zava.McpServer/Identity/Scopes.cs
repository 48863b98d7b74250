using System.Security.Claims;

namespace Zava.McpServer.Identity;

/// <summary>What a token may be used for. Each scope is also the name of the authorization policy that requires it.</summary>
public static class Scopes
{
    /// <summary>Read stores, categories and products.</summary>
    public const string CatalogRead = "catalog.read";

    public static readonly string[] All = [CatalogRead];

    /// <summary>Whether a token has a scope: <c>scope</c> (RFC 9068) or, from Entra ID, <c>scp</c>, separated by spaces.</summary>
    public static bool Has(ClaimsPrincipal principal, string scope) => principal.Claims
        .Where(claim => claim.Type is "scope" or "scp")
        .Any(claim => claim.Value.Split(' ').Contains(scope));
}
