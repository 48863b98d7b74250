using System.Diagnostics;
using System.Security.Cryptography;

namespace Zava.Benchmarks.Calls;

/// <summary>The servers of others: the npm packages of Peers/package-lock.json, installed under .zava/npm once for each lockfile.</summary>
static class PeerPackages
{
    static readonly string Source = Path.Combine(AppContext.BaseDirectory, "Peers");
    static readonly string[] Manifests = ["package.json", "package-lock.json"];
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    /// <summary>The folder with node_modules.</summary>
    /// <exception cref="InvalidOperationException">They cannot be installed; the message says why.</exception>
    public static async Task<string> InstallAsync(CancellationToken cancellationToken)
    {
        var content = Manifests.SelectMany(file => File.ReadAllBytes(Path.Combine(Source, file))).ToArray();
        var folder = Path.GetFullPath(Path.Combine(".zava", "npm", $"peers-{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}"));
        if (Directory.Exists(folder))
            return folder;
        // Moved into place when it is whole: an installation that was interrupted must not look like one.
        var draft = Directory.CreateDirectory($"{folder}.{Path.GetRandomFileName()}").FullName;
        foreach (var file in Manifests)
            File.Copy(Path.Combine(Source, file), Path.Combine(draft, file));
        try
        {
            // No package's own install script is needed, so none is run.
            using var npm = Process.Start(new ProcessStartInfo("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]) { WorkingDirectory = draft, RedirectStandardOutput = true, RedirectStandardError = true })!;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Patience);
            var said = Task.WhenAll(npm.StandardOutput.ReadToEndAsync(limit.Token), npm.StandardError.ReadToEndAsync(limit.Token));
            try
            {
                await npm.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                npm.Kill(entireProcessTree: true);
                throw;
            }
            if (npm.ExitCode != 0)
                throw new InvalidOperationException($"npm ci ended with {npm.ExitCode}: {(await said)[1].Trim()}");
            Directory.Move(draft, folder);
            return folder;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new InvalidOperationException("npm is missing (Debian: apt-get install npm)");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException($"npm ci took longer than {Patience.TotalMinutes:0} minutes");
        }
        finally
        {
            if (Directory.Exists(draft))
                Directory.Delete(draft, recursive: true);
        }
    }
}
