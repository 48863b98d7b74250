using System.Security.Cryptography;
using System.Text;

namespace Zava.Database;

/// <summary>
/// The login as which SQL of a caller's own runs: one for each store and one for all of them, known to whoever holds the
/// context key. See Migrations/0008_query_logins.sql.
/// </summary>
/// <param name="Name">Opaque: says nothing of the store.</param>
/// <param name="Password">256 bits.</param>
/// <param name="Store">A store id, or <c>*</c> for every store.</param>
public sealed record QueryLogin(string Name, string Password, string Store)
{
    /// <summary>The role whose rights these logins have.</summary>
    public const string Group = "zava_query";

    /// <summary>The store of the login that may see every store of its context.</summary>
    public const string EveryStore = "*";

    const string Prefix = "zava_q_";

    /// <summary>The login of a store under a key. Name and password are HMAC-SHA256 of the store id, domain-separated.</summary>
    public static QueryLogin Of(ContextKey key, string store) =>
        new(Prefix + Derive(key, "name", store)[..24], Derive(key, "password", store), store);

    static string Derive(ContextKey key, string purpose, string store) => Convert.ToHexStringLower(
        HMACSHA256.HashData(key.Secret, Encoding.UTF8.GetBytes($"zava query login {purpose}|{store}")));

    // A record would print the password.
    public override string ToString() => $"QueryLogin {Name}";
}
