using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Zava.ServiceDefaults;

namespace Zava.McpServer.Identity;

/// <summary>Issues tokens for the personas, in Development only: an authority does it everywhere else.</summary>
public sealed class DevelopmentIssuer
{
    public const string Issuer = "zava-development";
    public const string Audience = "zava-mcp";

    static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    readonly SigningCredentials _credentials;

    /// <param name="folder">Keeps the signing key there, so that an editor's token outlives a restart.</param>
    public DevelopmentIssuer(string folder)
    {
        Folder = folder;
        _credentials = new(new SymmetricSecurityKey(ReadOrCreateKey(Path.Combine(folder, "development-signing-key"))), SecurityAlgorithms.HmacSha256);
    }

    public string Folder { get; }

    public SecurityKey Key => _credentials.Key;

    /// <summary>Makes a persona's token.</summary>
    public string Issue(Persona persona) => Issue(new Dictionary<string, object>
    {
        ["sub"] = persona.User,
        [Caller.StoresClaim] = persona.Stores,
        ["scope"] = string.Join(' ', persona.Scopes),
    });

    /// <summary>Makes a token of any claims.</summary>
    public string Issue(Dictionary<string, object> claims) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = Issuer,
        Audience = Audience,
        Expires = DateTime.UtcNow + Lifetime,
        Claims = claims,
        SigningCredentials = _credentials,
    });

    static byte[] ReadOrCreateKey(string path)
    {
        if (!File.Exists(path))
            PrivateFile.Write(path, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        return Convert.FromBase64String(File.ReadAllText(path));
    }
}
