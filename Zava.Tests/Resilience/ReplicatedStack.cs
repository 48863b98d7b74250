using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Npgsql;
using Zava.McpServer.Identity;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>A primary, a streaming standby, and processes of the server and the worker that know both by one connection string.</summary>
sealed class ReplicatedStack : IAsyncDisposable
{
    readonly PrivateFolder _primaryFolder = new("test-replicated-primary");
    readonly PrivateFolder _standbyFolder = new("test-replicated-standby");
    readonly PrivateFolder _identity = new("test-replicated-identity");
    readonly List<Process> _processes = [];
    readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    DevelopmentIssuer _issuer = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public KillablePostgres Primary { get; private set; } = null!;

    public KillablePostgres Standby { get; private set; } = null!;

    /// <summary>Of the server, in-process or not.</summary>
    public Dictionary<string, string?> Settings { get; private set; } = null!;

    /// <summary>Addresses of the servers.</summary>
    public List<string> Servers { get; } = [];

    public async Task StartAsync()
    {
        Primary = await KillablePostgres.StartAsync(_primaryFolder.Path);
        Settings = await Primary.SeedAsync();
        Standby = await Primary.StartStandbyAsync(_standbyFolder.Path);
        _issuer = new(_identity.Path);
        Settings["ConnectionStrings:retail_db"] = ConnectionString("mcp_user");
        Settings["Identity:DevelopmentFolder"] = _identity.Path;
        for (var number = 0; number < 2; number++)
        {
            Servers.Add(await StartProcessAsync("Zava.McpServer.dll", Settings));
            await StartProcessAsync("Zava.EmbeddingWorker.dll", new() { ["ConnectionStrings:retail_db"] = ConnectionString("zava_worker") });
        }
    }

    public string ConnectionString(string login) => new NpgsqlConnectionStringBuilder
    {
        Host = $"{Primary.Address},{Standby.Address}",
        Database = "retail_db",
        Username = login,
        Password = $"password of {login}",
    }.ConnectionString;

    /// <summary>Kills the process of a server.</summary>
    public void KillServer(int number) => _processes[number * 2].Kill();

    /// <summary>The answer of a tool; a client that gets none asks the other server.</summary>
    /// <returns>The text of the answer, and how many times it was asked.</returns>
    public async Task<(JsonElement Answer, int Asked)> CallAsync(string persona, int server, string tool, object arguments)
    {
        for (var asked = 1; ; asked++)
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, $"{Servers[(server + asked - 1) % Servers.Count]}/mcp")
                {
                    Headers = { Authorization = new AuthenticationHeaderValue("Bearer", _issuer.Issue(Persona.All.Single(one => one.Name == persona))) },
                    Content = new StringContent(JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = tool, arguments } }), Encoding.UTF8, "application/json"),
                };
                request.Headers.Accept.ParseAdd("application/json, text/event-stream");
                using var response = await _http.SendAsync(request, Cancellation);
                var body = await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Cancellation);
                return (JsonElement.Parse(body.Split('\n').Last(line => line.StartsWith("data: ", StringComparison.Ordinal))["data: ".Length..]), asked);
            }
            catch (Exception lost) when (lost is HttpRequestException or IOException or InvalidOperationException && asked < 5)
            {
                await Task.Delay(20, Cancellation);
            }
    }

    async Task<string> StartProcessAsync(string program, Dictionary<string, string?> settings)
    {
        var address = $"http://127.0.0.1:{LoopbackPort.Free()}";
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, program)]) { RedirectStandardOutput = true };
        foreach (var (key, value) in settings)
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        start.Environment["ASPNETCORE_URLS"] = address;
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        var process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None); // so that it is never full
        _processes.Add(process);
        await Eventually.EqualAsync("Healthy", async () =>
        {
            try
            {
                return await _http.GetStringAsync($"{address}/ready", Cancellation);
            }
            catch (HttpRequestException starting)
            {
                return starting.Message;
            }
        });
        return address;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }
        _http.Dispose();
        if (Standby is not null)
            await Standby.DisposeAsync();
        if (Primary is not null)
            await Primary.DisposeAsync();
        await _standbyFolder.DisposeAsync();
        await _primaryFolder.DisposeAsync();
        await _identity.DisposeAsync();
    }
}
