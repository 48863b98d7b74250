using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Browser;

/// <summary>The sample shop behind a server that also has the operators' login, and a browser.</summary>
public sealed class OperationsShop(DatabaseTemplate template) : IAsyncLifetime
{
    readonly SeededServer _seeded = new(template);

    public TestDatabase Database => _seeded.Database;

    public RunningServer Server { get; private set; } = null!;

    public Chromium Chromium { get; } = new();

    public async ValueTask InitializeAsync()
    {
        await _seeded.InitializeAsync();
        Server = await RunningServer.StartAsync(Database, configure: WithOperators(Database));
        await Chromium.InitializeAsync();
    }

    public static Action<Microsoft.AspNetCore.Builder.WebApplicationBuilder> WithOperators(TestDatabase database) => builder =>
        builder.Configuration.AddInMemoryCollection([new($"ConnectionStrings:{OperatorDatabase.ConnectionName}", database.ConnectionString(DatabaseRole.Operator))]);

    /// <summary>A page that the one-time link has signed in.</summary>
    public async Task<BrowserPage> SignInAsync()
    {
        var page = await Chromium.OpenAsync();
        await page.GoToAsync(Server.IssueSignInLink());
        await page.UntilAsync("document.title.startsWith('Operations') && document.readyState === 'complete'");
        return page;
    }

    public IHost BuildWorker()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection([new("ConnectionStrings:retail_db", Database.ConnectionString(DatabaseRole.Worker))]);
        builder.Logging.ClearProviders();
        builder.AddEmbeddingWorker();
        return builder.Build();
    }

    public async ValueTask DisposeAsync()
    {
        await Chromium.DisposeAsync();
        await Server.DisposeAsync();
        await _seeded.DisposeAsync();
    }
}
