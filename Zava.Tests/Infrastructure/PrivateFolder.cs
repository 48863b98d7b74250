using System.Security.Cryptography;
using System.Text;

namespace Zava.Tests.Infrastructure;

/// <summary>A folder under .zava for a private cluster, empty at first and removed at the end.</summary>
sealed class PrivateFolder : IAsyncDisposable
{
    public PrivateFolder(string name)
    {
        Path = System.IO.Path.Combine(Repository.Root, ".zava", name);
        Delete();
    }

    public string Path { get; }

    public ValueTask DisposeAsync()
    {
        Delete();
        return ValueTask.CompletedTask;
    }

    void Delete()
    {
        // The others are where root's cluster is when the user postgres cannot enter this clone.
        foreach (var folder in (string[])[Path, Elsewhere(Path), Elsewhere(System.IO.Path.Combine(Path, "postgres"))])
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
    }

    /// <summary>Where the cluster of a folder is when the PostgreSQL user cannot enter that.</summary>
    public static string Elsewhere(string folder) =>
        $"/var/lib/postgresql/zava-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..12]}";
}
