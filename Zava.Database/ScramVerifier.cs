using System.Security.Cryptography;
using System.Text;

namespace Zava.Database;

/// <summary>
/// Turns a password into what PostgreSQL stores for it, so that the password itself never appears in a statement,
/// a server log or pg_stat_statements.
/// </summary>
/// <remarks>
/// RFC 5802 and RFC 7677 (SCRAM-SHA-256), in the form that ALTER ROLE … PASSWORD accepts. Passwords must be printable
/// ASCII, for which SASLprep (RFC 4013) changes nothing.
/// </remarks>
static class ScramVerifier
{
    // PostgreSQL's own default.
    const int Iterations = 4096;

    public static string Create(string password)
    {
        if (password.Any(c => c is < ' ' or > '~'))
            throw new DatabaseSetupException("Database:Passwords must be printable ASCII.");

        var salt = RandomNumberGenerator.GetBytes(16);
        var salted = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.ASCII.GetBytes(password), salt, Iterations, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        var storedKey = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var serverKey = HMACSHA256.HashData(salted, "Server Key"u8);
        return $"SCRAM-SHA-256${Iterations}:{Convert.ToBase64String(salt)}${Convert.ToBase64String(storedKey)}:{Convert.ToBase64String(serverKey)}";
    }
}
