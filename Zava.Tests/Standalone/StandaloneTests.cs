using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using ModelContextProtocol.Client;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Standalone;

/// <summary>The program behind ./zava up, as a process of its own.</summary>
public sealed class StandaloneTests : IAsyncLifetime
{
    static readonly PrivateFolder Folder = new("test-standalone");

    static string Home => Folder.Path;

    public ValueTask InitializeAsync() => Folder.DisposeAsync();

    public ValueTask DisposeAsync() => Folder.DisposeAsync();

    [Fact]
    public async Task It_answers_a_client_keeps_its_data_and_stops_cleanly_however_it_ends()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none; the other tests run in a container.");

        using (var first = await StartAsync("--as-of", "2026-03-31"))
        {
            Assert.Contains("500 of 500 products are embedded.", first.Output);
            Assert.True(first.HasPostgres);
            Assert.Contains("warm", await SearchAsync("something warm for cold hands"), StringComparison.OrdinalIgnoreCase);
            Assert.Equal(0, await first.StopAsync("TERM"));
            Assert.False(first.HasPostgres);
        }

        using var second = await StartAsync("--as-of", "2026-03-31");
        Assert.Contains("Sample data is already loaded: nothing changed.", second.Output);
        Assert.NotEmpty(await SearchAsync("a tent"));

        using (var third = Run())
        {
            Assert.Equal(1, await third.ExitCodeAsync());
            Assert.Contains("is in use by another ./zava; stop that one first.", third.Output);
            Assert.DoesNotContain("did not start", third.Output);
        }

        // A host that is killed leaves no PostgreSQL behind.
        await second.StopAsync("KILL");
        await Eventually.EqualAsync(false, () => Task.FromResult(second.HasPostgres));

        using var refused = Run("--as-of", "2026-04-01");
        Assert.Equal(1, await refused.ExitCodeAsync());
        Assert.Contains("--scale 1 --seed 42 --as-of 2026-03-31", refused.Output.ReplaceLineEndings(" "));
    }

    [Theory]
    [InlineData("--scale 0", "--scale must be a whole number from 1 to 200, not '0'.")]
    [InlineData("--scale x", "--scale must be a whole number from 1 to 200, not 'x'.")]
    [InlineData("--scale 1.5", "--scale must be a whole number from 1 to 200, not '1.5'.")]
    [InlineData("--seed -1", "--seed must be a whole number from 0 to 2147483647, not '-1'.")]
    [InlineData("--seed x", "--seed must be a whole number from 0 to 2147483647, not 'x'.")]
    [InlineData("--as-of tomorrow", "--as-of must be a day such as 2026-01-31")]
    [InlineData("--scael 2", "--scael")]
    public async Task A_wrong_option_is_refused_by_name(string options, string said)
    {
        using var program = Run(options.Split(' '));
        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.Contains(said, program.Output);
        Assert.DoesNotContain("Exception", program.Output);
    }

    static async Task<string> SearchAsync(string query)
    {
        var entry = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Home, "mcp.json"), TestContext.Current.CancellationToken))
            .RootElement.GetProperty("servers").GetProperty("zava-seattle-manager");
        var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = AuthenticationHeaderValue.Parse(entry.GetProperty("headers").GetProperty("Authorization").GetString()!);
        await using var client = await McpClient.CreateAsync(
            new HttpClientTransport(new() { Endpoint = new Uri(entry.GetProperty("url").GetString()!) }, http, ownsHttpClient: true),
            cancellationToken: TestContext.Current.CancellationToken);
        var answer = await client.CallToolAsync("semantic_search_products", new Dictionary<string, object?> { ["query"] = query, ["limit"] = 3 },
            cancellationToken: TestContext.Current.CancellationToken);
        return answer.StructuredContent!.Value.GetProperty("products").GetRawText();
    }

    static async Task<StandaloneProcess> StartAsync(params string[] options)
    {
        var program = Run(options);
        await Eventually.EqualAsync(true, () => program.HasExited
            ? throw new InvalidOperationException(program.Output)
            : Task.FromResult(program.Output.Contains("Ready after")));
        return program;
    }

    static StandaloneProcess Run(params string[] options) => new(Home, options);

    sealed class StandaloneProcess : IDisposable
    {
        readonly Process _process;
        readonly System.Text.StringBuilder _output = new();

        public StandaloneProcess(string home, string[] options)
        {
            var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Zava.Standalone.dll"), .. options])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["ZAVA_HOME"] = home, ["ZAVA_PORT"] = LoopbackPort.Free().ToString() },
            };
            _process = new Process { StartInfo = start };
            _process.OutputDataReceived += (_, line) => Append(line.Data);
            _process.ErrorDataReceived += (_, line) => Append(line.Data);
            _process.Start();
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public bool HasExited => _process.HasExited;

        public string Output
        {
            get
            {
                lock (_output)
                    return _output.ToString();
            }
        }

        // Where it says that its data is: not in its home, if root runs it where the user postgres cannot go.
        string PostgresFolder => System.Text.RegularExpressions.Regex.Match(Output, "its data is kept in (.*)\\.$", System.Text.RegularExpressions.RegexOptions.Multiline).Groups[1].Value;

        public bool HasPostgres => Directory.EnumerateDirectories("/proc").Any(process =>
        {
            try
            {
                return int.TryParse(Path.GetFileName(process), out _)
                    && File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ').Contains($"postgres -D {PostgresFolder}/data ");
            }
            catch (IOException)
            {
                return false; // It ended while it was looked at.
            }
        });

        public async Task<int> ExitCodeAsync()
        {
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return _process.ExitCode;
        }

        public async Task<int> StopAsync(string signal)
        {
            using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString()]);
            return await ExitCodeAsync();
        }

        public void Dispose()
        {
            if (!_process.HasExited)
                _process.Kill();
            _process.Dispose();
        }

        void Append(string? line)
        {
            lock (_output)
                _output.AppendLine(line);
        }
    }
}
