using System.Security.Cryptography;
using System.Text.Json;
using Zava.ServiceDefaults;

namespace Zava.Standalone;

/// <summary>Passwords and keys of this clone's stack, made once and kept where only the user can read them.</summary>
sealed record StandaloneSecrets(string McpUserPassword, string WorkerPassword, string SeederPassword, string ContextKey, string? MaintenancePassword = null, string? OperatorPassword = null)
{
    public static StandaloneSecrets ReadOrCreate(string folder)
    {
        var file = Path.Combine(folder, "secrets.json");
        var secrets = File.Exists(file)
            ? JsonSerializer.Deserialize<StandaloneSecrets>(File.ReadAllText(file))
                ?? throw new InvalidOperationException($"{file} is damaged: remove it, and new secrets are made.")
            : new(Password(), Password(), Password(), Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        if (secrets.MaintenancePassword is null || secrets.OperatorPassword is null)
        {
            secrets = secrets with { MaintenancePassword = secrets.MaintenancePassword ?? Password(), OperatorPassword = secrets.OperatorPassword ?? Password() };
            PrivateFile.Write(file, JsonSerializer.Serialize(secrets));
        }
        return secrets;
    }

    static string Password() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}
