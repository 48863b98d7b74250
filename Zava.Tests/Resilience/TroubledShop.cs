using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Client;
using Npgsql;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.McpServer.Identity;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>The real server and the real worker on a database that has trouble, and a record of each change that was sent to them.</summary>
sealed class TroubledShop : IAsyncDisposable
{
    public const int Stock = 100_000;

    const string Sku = "SKU-seattle";

    readonly KillablePostgres _postgres;
    readonly WebApplication _server;
    readonly RecordedLog _log;
    readonly DirectoryInfo _identity;
    readonly List<(string Tool, Dictionary<string, object?> Arguments, int Units, bool Done)> _changes = [];

    TroubledShop(KillablePostgres postgres, WebApplication server, IHost worker, RecordedLog log, DirectoryInfo identity) =>
        (_postgres, _server, Worker, _log, _identity) = (postgres, server, worker, log, identity);

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public IHost Worker { get; }

    public McpClient Client { get; private set; } = null!;

    /// <summary>What server and worker have logged by themselves, warnings and worse; health checks also log whenever a test asks.</summary>
    public IEnumerable<string> Warnings => _log.Entries.Where(entry => ((string[])["Warning", "Error", "Critical"]).Any(entry.StartsWith) && !entry.Contains("HealthChecks"));

    /// <summary>Calls of tools that got an answer, an error or not.</summary>
    public int Calls { get; private set; }

    /// <param name="settings">Of the server, from <see cref="KillablePostgres.SeedAsync"/>.</param>
    /// <param name="postgres">Where the rows are looked up.</param>
    /// <param name="primary">Where they are written, if that is another.</param>
    public static async Task<TroubledShop> StartAsync(KillablePostgres postgres, Dictionary<string, string?> settings, KillablePostgres? primary = null)
    {
        await (primary ?? postgres).ExecuteAsync($"UPDATE retail.products SET current_stock = {Stock} WHERE sku = '{Sku}'");
        var (log, identity) = (new RecordedLog(), Directory.CreateTempSubdirectory("zava-test-"));
        var server = RunningServer.Build("Development", new(settings) { ["Identity:DevelopmentFolder"] = identity.FullName }, log);
        await server.StartAsync(Cancellation);

        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection([new("ConnectionStrings:retail_db",
            new NpgsqlConnectionStringBuilder(settings["ConnectionStrings:retail_db"]) { Username = DatabaseRole.Worker, Password = $"password of {DatabaseRole.Worker}" }.ConnectionString)]);
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(log);
        builder.AddEmbeddingWorker();
        var shop = new TroubledShop(postgres, server, builder.Build(), log, identity);
        var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new("Bearer", server.Services.GetRequiredService<DevelopmentIssuer>().Issue(Persona.All.Single(persona => persona.Name == "seattle-manager")));
        shop.Client = await McpClient.CreateAsync(
            new HttpClientTransport(new() { Endpoint = new Uri(new Uri(server.Urls.First()), "/mcp") }, http, ownsHttpClient: true), cancellationToken: Cancellation);
        return shop;
    }

    /// <returns>The answer's text, and whether it is an error.</returns>
    public async Task<(string Text, bool IsError)> CallAsync(string tool, Dictionary<string, object?> arguments)
    {
        var answer = await Client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
        Calls++;
        return (answer.IsError is true ? WriteShop.TextOf(answer) : answer.StructuredContent!.Value.GetRawText(), answer.IsError is true);
    }

    public Task<(string Text, bool IsError)> QueryAsync(string sql) => CallAsync("execute_sales_query", new() { ["sql"] = sql });

    /// <returns>What it was refused with; <c>null</c> when it was done.</returns>
    public Task<string?> AdjustAsync() => ChangeAsync("adjust_stock", WriteShop.Adjustment(Sku, 3, "delivery"), 3);

    /// <returns>As <see cref="AdjustAsync"/>.</returns>
    public Task<string?> SellAsync() => ChangeAsync("record_sale", WriteShop.Sale((Sku, 2)), -2);

    async Task<string?> ChangeAsync(string tool, Dictionary<string, object?> arguments, int units)
    {
        var (text, isError) = await CallAsync(tool, arguments);
        _changes.Add((tool, arguments, units, !isError));
        return isError ? text : null;
    }

    /// <summary>
    /// Sends every change again with its own key. What was answered as done was done; what was refused was not, unless it is an
    /// error that leaves this open.
    /// </summary>
    public async Task AssertNothingIsLostAsync(bool refusedMayBeDone = false)
    {
        foreach (var (tool, arguments, _, done) in _changes)
        {
            var (text, isError) = await CallAsync(tool, arguments);
            Assert.False(isError, text);
            if (done || !refusedMayBeDone)
                Assert.Equal(done, JsonElement.Parse(text).GetProperty("already_recorded").GetBoolean());
        }
        Assert.Equal(Stock + _changes.Sum(change => change.Units), await StockAsync());
        Assert.Equal(_changes.Count(change => change.Tool == "adjust_stock"), await _postgres.CountAsync("retail.stock_adjustments"));
        Assert.Equal(_changes.Count(change => change.Tool == "record_sale"), await _postgres.CountAsync("retail.sales_transactions"));
        Assert.Equal(_changes.Count(change => change.Tool == "record_sale"), await _postgres.CountAsync("retail.sales_transaction_items"));
        Assert.Equal(_changes.Count, await _postgres.CountAsync("retail.idempotent_writes"));
    }

    /// <summary>What the stock has to be when what was answered as done is there, and nothing else.</summary>
    public int StockOfWhatWasDone => Stock + _changes.Where(change => change.Done).Sum(change => change.Units);

    public Task<int> StockAsync() => _postgres.ScalarAsync<int>($"SELECT current_stock FROM retail.products WHERE sku = '{Sku}'");

    /// <summary>Adds products, which are to be embedded.</summary>
    public Task QueueProductsAsync(int count) => _postgres.ExecuteAsync($"""
        BEGIN READ WRITE;
        INSERT INTO retail.products (store_id, sku, product_name, price) SELECT 'seattle', gen_random_uuid(), 'Lamp ' || g, 1 FROM generate_series(1, {count}) g;
        COMMIT
        """);

    /// <summary>Waits until each product has the vector of its text and none waits.</summary>
    public Task AssertAllIsEmbeddedAsync() => Eventually.EqualAsync((0L, 0L), async () => (
        await _postgres.CountAsync("retail.embedding_queue"),
        await _postgres.CountAsync("""
            retail.products p LEFT JOIN retail.product_embeddings e USING (store_id, product_id)
             WHERE e.embedding_text IS DISTINCT FROM retail.product_embedding_text(p.product_name, p.product_description, p.tags)
            """)));

    /// <summary>What the worker's health check says.</summary>
    public Task<string> WorkerHealthAsync() => HealthAsync(Worker.Services, "embedding");

    /// <summary>What the server's health check says about the record of calls.</summary>
    public Task<string> RecordHealthAsync() => HealthAsync(_server.Services, "record");

    static async Task<string> HealthAsync(IServiceProvider services, string name)
    {
        var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync(check => check.Name == name, Cancellation);
        return $"{report.Status}: {report.Entries[name].Description}";
    }

    public async Task<int> ReadyAsync()
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(new Uri(_server.Urls.First()), "/ready"), Cancellation);
        return (int)answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Worker.StopAsync(CancellationToken.None);
        Worker.Dispose();
        await _server.StopAsync(CancellationToken.None);
        await _server.DisposeAsync();
        _identity.Delete(recursive: true);
    }
}
