using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Zava.Database;

/// <summary>
/// Makes the sealed contexts that <c>retail.set_store_context</c> accepts. The format is described in
/// Migrations/0002_sealed_context.sql.
/// </summary>
public sealed class ContextSealer(ContextKey key, TimeProvider time)
{
    /// <summary>
    /// How long a context holds: longer than any statement may run, short enough to be worthless to whoever finds one.
    /// </summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>Seals a context for one database connection.</summary>
    /// <param name="context">Caller and stores.</param>
    /// <param name="backendProcessId">Process id of the PostgreSQL backend that serves the connection.</param>
    public string Seal(TenantContext context, int backendProcessId)
    {
        var expiry = (time.GetUtcNow() + Lifetime).ToUnixTimeSeconds();
        var stores = context.Stores.IsEvery ? "*" : string.Join(',', context.Stores.Names);
        var traceId = Activity.Current?.TraceId.ToHexString();
        var content = $"1|{key.Id}|{expiry}|{backendProcessId}|{stores}|{Base64(context.User)}|{Base64(context.Tool)}|{traceId}";
        return $"{content}|{Convert.ToHexStringLower(HMACSHA256.HashData(key.Secret, Encoding.UTF8.GetBytes(content)))}";
    }

    static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
