using System.Security.Claims;
using System.Text.Json;
using ModelContextProtocol;
using Zava.Database;
using Zava.McpServer.Errors;

namespace Zava.McpServer;

/// <summary>Who calls, as the token says: the end user and the stores that they may see.</summary>
public sealed record Caller(string User, StoreSet Stores)
{
    /// <summary>The authorization policy that every caller must meet: signed in, with a user and stores.</summary>
    public const string Policy = "caller";

    /// <summary>The claim that names stores, one value each; <c>*</c> alone means every store.</summary>
    public const string StoresClaim = "stores";

    /// <summary>Reads the token's claims.</summary>
    /// <returns><c>null</c> when a claim is missing or not as it should be. There is no default store.</returns>
    public static Caller? From(ClaimsPrincipal? principal)
    {
        if (principal?.FindFirstValue("sub") is not { Length: > 0 and <= 200 } user || user.Any(char.IsControl))
            return null;
        var names = principal.FindAll(StoresClaim).Select(claim => claim.Value).ToList();
        if (names is ["*"])
            return new(user, StoreSet.Every);
        return names.Count > 0 && names.All(StoreSet.IsStoreName) ? new(user, StoreSet.Of(names)) : null;
    }

    /// <summary>The caller of a tool; the endpoint's policy has seen to it that there is one.</summary>
    public static Caller Require(ClaimsPrincipal? principal) =>
        From(principal) ?? throw new McpException("The token names no user or no stores; sign in with one that does.");

    /// <summary>The context of one tool call, narrowed to the store that the call asks for.</summary>
    /// <param name="tool">The tool's name.</param>
    /// <param name="storeId">A store of the caller, or <c>null</c> for all of them.</param>
    /// <exception cref="StoreNotAllowedException">The caller may not see that store, whether or not it exists.</exception>
    public TenantContext For(string tool, string? storeId)
    {
        if (storeId is null)
            return new(Stores, User, tool);
        if (!StoreSet.IsStoreName(storeId) || !(Stores.IsEvery || Stores.Names.Contains(storeId)))
            throw new StoreNotAllowedException(Stores.IsEvery
                ? $"store_id: '{Shown(storeId)}' is not a store. Allowed: a store_id that list_stores returns."
                : $"store_id: '{Shown(storeId)}' is not a store that you may see.{Sent.Meant(storeId, Stores.Names)} Allowed: {string.Join(", ", Stores.Names)}.");
        return new(StoreSet.Of(storeId), User, tool);
    }

    /// <summary>The context of one tool call that changes something, and so is for one store.</summary>
    /// <param name="tool">The tool's name.</param>
    /// <param name="storeId">A store of the caller, or <c>null</c> when the token names only one.</param>
    /// <exception cref="McpException">The caller may not see that store, or must name one.</exception>
    public TenantContext ForOne(string tool, string? storeId) => For(tool, storeId) is { Stores.Names: [_] } context
        ? context
        : throw new McpException("store_id: it must be given, because a change is made in one store. Allowed: " +
            (Stores.IsEvery ? "a store_id that list_stores returns." : $"{string.Join(", ", Stores.Names)}."));

    static string Shown(string text) => JsonEncodedText.Encode(Sent.Shown(text)).ToString();
}
