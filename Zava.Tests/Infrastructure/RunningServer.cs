using System.Diagnostics;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Client;
using OpenTelemetry;
using OpenTelemetry.Trace;
using Zava.Database;
using Zava.McpServer;
using Zava.McpServer.Identity;
using Zava.McpServer.Operations;

namespace Zava.Tests.Infrastructure;

/// <summary>The real MCP server on a real socket, made of the parts that its Program.cs is made of.</summary>
public sealed class RunningServer : IAsyncDisposable
{
    readonly WebApplication _app;
    readonly DirectoryInfo _folder;

    RunningServer(WebApplication app, DirectoryInfo folder, RecordedLog log) => (_app, _folder, Log) = (app, folder, log);

    /// <summary>All that the server has logged.</summary>
    public RecordedLog Log { get; }

    public static async Task<RunningServer> StartAsync(
        TestDatabase database, BaseProcessor<Activity>? traces = null, Action<WebApplicationBuilder>? configure = null)
    {
        var folder = Directory.CreateTempSubdirectory("zava-test-");
        var log = new RecordedLog();
        var app = Build("Development", new()
        {
            ["ConnectionStrings:retail_db"] = database.ConnectionString(DatabaseRole.Application),
            ["Database:ContextKey:Id"] = database.Key.Id,
            ["Database:ContextKey:Secret"] = Convert.ToBase64String(database.Key.Secret),
            ["Identity:DevelopmentFolder"] = folder.FullName,
        }, log, configure);
        // Last, where an exporter is.
        if (traces is not null)
            app.Services.GetRequiredService<TracerProvider>().AddProcessor(traces);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new(app, folder, log);
    }

    /// <param name="environment">Development, or anything else.</param>
    /// <param name="settings">Configuration beside the server's own appsettings.</param>
    /// <param name="log">Keeps what the server logs.</param>
    /// <param name="configure">Adds to the server, before it adds its own.</param>
    public static WebApplication Build(
        string environment, Dictionary<string, string?> settings, RecordedLog? log = null, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            EnvironmentName = environment,
            ApplicationName = "Zava.McpServer",
            ContentRootPath = AppContext.BaseDirectory, // where the server's appsettings are
        });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.ClearProviders();
        if (log is not null)
            builder.Logging.AddProvider(log);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(new Terminal(TextWriter.Null));
        configure?.Invoke(builder);
        return builder.BuildZavaMcpServer();
    }

    public Uri Address => new(_app.Urls.First());

    public Uri McpAddress => new(Address, "/mcp");

    public string DevelopmentFolder => _folder.FullName;

    public DevelopmentIssuer Issuer => _app.Services.GetRequiredService<DevelopmentIssuer>();

    public string TokenOf(string persona) => Issuer.Issue(Persona.All.Single(p => p.Name == persona));

    /// <summary>A one-time link to the operations page; the one before it is worth nothing any more.</summary>
    public Uri IssueSignInLink(string path = SignInLink.Path) => new(Address, $"{path}#{_app.Services.GetRequiredService<SignInLink>().Issue()}");

    public HttpClient CreateHttpClient(string? token)
    {
        var http = new HttpClient { BaseAddress = Address };
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return http;
    }

    /// <summary>The SDK's client, signed in with a token.</summary>
    public Task<McpClient> ConnectAsync(string token) => McpClient.CreateAsync(
        new HttpClientTransport(new() { Endpoint = McpAddress }, CreateHttpClient(token), ownsHttpClient: true),
        cancellationToken: TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
