using System.Security.Cryptography;
using System.Text.Json;
using Zava.ServiceDefaults;

namespace Zava.Standalone;

/// <summary>Passwords and keys of this clone's stack, made once and kept where only the user can read them.</summary>
sealed record StandaloneSecrets(string McpUserPassword, string WorkerPassword, string SeederPassword, string ContextKey)
{
    public static StandaloneSecrets ReadOrCreate(string folder)
    {
        var file = Path.Combine(folder, "secrets.json");
        if (!File.Exists(file))
            PrivateFile.Write(file, JsonSerializer.Serialize(new StandaloneSecrets(
                Password(), Password(), Password(), Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)))));
        return JsonSerializer.Deserialize<StandaloneSecrets>(File.ReadAllText(file))
            ?? throw new InvalidOperationException($"{file} is damaged: remove it, and new secrets are made.");
    }

    static string Password() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}
