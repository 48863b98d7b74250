using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace Zava.Tests.Browser;

/// <summary>A headless Chromium of this machine, which the tests talk to by the Chrome DevTools Protocol.</summary>
public sealed class Chromium : IAsyncLifetime
{
    static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("zava-chromium-");
    Process? _process;

    public async ValueTask InitializeAsync()
    {
        if (Find() is not { } program)
            return;
        _process = Process.Start(new ProcessStartInfo(program,
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0", $"--user-data-dir={_folder.FullName}", "about:blank",
        ])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        var file = Path.Combine(_folder.FullName, "DevToolsActivePort");
        var waited = Stopwatch.StartNew();
        while (!(File.Exists(file) && (await File.ReadAllLinesAsync(file)).Length == 2))
        {
            Assert.False(_process.HasExited || waited.Elapsed > TimeSpan.FromMinutes(1), $"{program} did not start.");
            await Task.Delay(50);
        }
    }

    /// <summary>A new page with cookies of its own. Skips the test where there is no Chromium; in continuous integration it fails.</summary>
    public async Task<BrowserPage> OpenAsync()
    {
        if (_process is null)
        {
            const string Missing = "Chromium is missing: install it (Debian: apt-get install chromium) to run the tests of the operations page in a browser.";
            Assert.SkipUnless(Environment.GetEnvironmentVariable("CI") is { Length: > 0 }, Missing);
            Assert.Fail(Missing);
        }
        var port = (await File.ReadAllLinesAsync(Path.Combine(_folder.FullName, "DevToolsActivePort")))[0];
        using var http = new HttpClient();
        var version = await http.GetFromJsonAsync<JsonElement>($"http://127.0.0.1:{port}/json/version", TestContext.Current.CancellationToken);
        return await BrowserPage.OpenAsync(new Uri(version.GetProperty("webSocketDebuggerUrl").GetString()!));
    }

    static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                _folder.Delete(recursive: true);
                return;
            }
            catch (IOException) when (attempt < 20)
            {
                await Task.Delay(100); // Its children are still writing.
            }
        }
    }
}
