using System.Security.Cryptography;
using System.Text;
using Zava.Database;

namespace Zava.McpServer.Telemetry;

/// <summary>
/// What telemetry calls a user: the same in every trace of a deployment, and of no use to whoever lacks its context key. A new
/// key makes new pseudonyms.
/// </summary>
sealed class UserPseudonyms(ContextKey key)
{
    public string Of(string user) => Convert.ToHexStringLower(
        HMACSHA256.HashData(key.Secret, Encoding.UTF8.GetBytes($"zava telemetry user|{user}")))[..16];
}
