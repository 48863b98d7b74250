using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Operations;

/// <summary>
/// The one-time link that signs a developer in to the operations page. Its code is 256 random bits, used once, and for ten
/// minutes. It is in the fragment of the address, which browsers send to nobody: no log, span or proxy has it.
/// </summary>
sealed class SignInLink(IServer server, IOptions<IdentityOptions> options, TimeProvider time, Terminal terminal)
{
    public const string Path = "/sign-in";

    static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    readonly Lock _lock = new();
    byte[]? _hash;
    DateTimeOffset _expires;

    /// <summary>The address by which clients reach the server.</summary>
    public string Address => (options.Value.PublicUrl?.ToString()
        ?? server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault()
        ?? "http://localhost").TrimEnd('/');

    /// <summary>Prints a link where the server runs, unless one is out that can still be used.</summary>
    public void Announce()
    {
        string code;
        lock (_lock)
        {
            if (_hash is not null && time.GetUtcNow() < _expires)
                return;
            code = Issue();
        }
        terminal.WriteLine($"Operations page, once within {Lifetime.TotalMinutes:0} minutes: {Address}{Path}#{code}");
    }

    /// <summary>Makes a code; the one before it is worth nothing any more.</summary>
    public string Issue()
    {
        var code = RandomNumberGenerator.GetHexString(64, lowercase: true);
        lock (_lock)
            (_hash, _expires) = (HashOf(code), time.GetUtcNow() + Lifetime);
        return code;
    }

    /// <summary>Whether a code is the one that is out; it is used up then.</summary>
    public bool Redeem(string code)
    {
        lock (_lock)
        {
            if (_hash is null || time.GetUtcNow() >= _expires || !CryptographicOperations.FixedTimeEquals(_hash, HashOf(code)))
                return false;
            _hash = null;
            return true;
        }
    }

    static byte[] HashOf(string code) => SHA256.HashData(Encoding.UTF8.GetBytes(code));
}
