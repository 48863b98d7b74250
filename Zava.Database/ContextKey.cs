using Microsoft.Extensions.Configuration;

namespace Zava.Database;

/// <summary>The key that seals contexts: known to the seeder, which installs it, and to the MCP server, which uses it.</summary>
/// <param name="Id">Names the key inside a sealed context, so that an old and a new key can be in use together.</param>
/// <param name="Secret">At least 32 random bytes.</param>
public sealed record ContextKey(string Id, byte[] Secret)
{
    /// <summary>Reads <c>Database:ContextKey:Id</c> and <c>Database:ContextKey:Secret</c> (base64).</summary>
    /// <exception cref="InvalidOperationException">A value is missing or too short; the message names it.</exception>
    public static ContextKey FromConfiguration(IConfiguration configuration)
    {
        var section = configuration.GetSection("Database:ContextKey");
        var id = section["Id"] ?? "default";
        if (id.Length is 0 or > 50 || !id.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            throw new InvalidOperationException("Database:ContextKey:Id must be 1 to 50 letters, digits, dots, underscores or hyphens.");

        var secret = new byte[256];
        if (!Convert.TryFromBase64String(section["Secret"] ?? "", secret, out var length) || length < 32)
            throw new InvalidOperationException(
                "Database:ContextKey:Secret must be at least 32 random bytes in base64 (openssl rand -base64 32 makes some).");
        return new(id, secret[..length]);
    }

    // A record would print the secret.
    public override string ToString() => $"ContextKey {Id}";
}
