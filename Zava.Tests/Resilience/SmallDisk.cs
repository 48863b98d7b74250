using System.Diagnostics;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>A file system of a few megabytes for a database, which can be filled to the last byte.</summary>
sealed class SmallDisk : IAsyncDisposable
{
    static readonly string Script = System.IO.Path.Combine(AppContext.BaseDirectory, "private-postgres.sh");

    const string AsRoot = """set -e; as_root=(); [ "$(id -u)" = 0 ] || as_root=(sudo -n); """;

    readonly PrivateFolder _folder;

    SmallDisk(PrivateFolder folder, string path) => (_folder, Path) = (folder, path);

    /// <summary>Where it is mounted; PostgreSQL's user owns it.</summary>
    public string Path { get; }

    string Ballast => System.IO.Path.Combine(Path, "ballast");

    /// <summary>Mounts one under .zava, or skips the test where that is not allowed.</summary>
    public static async Task<SmallDisk> MountAsync(string name, int megabytes)
    {
        // One that a killed run left behind is what the folder cannot be removed with.
        var place = (await RunAsync("""
            dir=$(bash "$0" locate "$1"); while "${as_root[@]}" umount -l "$dir" 2>/dev/null; do :; done; echo "$dir"
            """, Script, System.IO.Path.Combine(Repository.Root, ".zava", name))).Output;
        var folder = new PrivateFolder(name);
        var mounted = await RunAsync("""
            owner=$(id -u); [ "$owner" != 0 ] || owner=$(id -u postgres)
            mkdir -p "$0"; "${as_root[@]}" mount -t tmpfs -o "size=$1m,mode=0700,uid=$owner" tmpfs "$0"
            """, place, $"{megabytes}");
        Assert.SkipUnless(mounted.ExitCode == 0, "It needs a file system that can be filled, and only root (or sudo without a password) may mount one.");
        return new(folder, place);
    }

    public void Fill()
    {
        using var ballast = new FileStream(Ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var piece in (byte[][])[new byte[1 << 20], new byte[4096]])
            try
            {
                while (true)
                    ballast.Write(piece);
            }
            catch (IOException)
            {
                // Full, for pieces of this size.
            }
    }

    public void MakeRoom() => File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        await RunAsync("""exec "${as_root[@]}" umount "$0" """, Path);
        await _folder.DisposeAsync();
    }

    static async Task<(int ExitCode, string Output)> RunAsync(string script, params string[] arguments)
    {
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-c", AsRoot + script, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = bash.StandardError.ReadToEndAsync(CancellationToken.None);
        var output = await bash.StandardOutput.ReadToEndAsync(CancellationToken.None);
        await said;
        await bash.WaitForExitAsync(CancellationToken.None);
        return (bash.ExitCode, output.Trim());
    }
}
