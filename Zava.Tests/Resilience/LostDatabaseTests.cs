using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using Zava.McpServer.Identity;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>PostgreSQL dies under load, comes back, or may only read: the server says so, and goes on by itself.</summary>
public sealed class LostDatabaseTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Callers_get_errors_while_PostgreSQL_is_away_their_own_rows_within_five_seconds_of_its_return_and_nothing_recorded_is_lost()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var folder = new PrivateFolder("test-lost-database");
        await using var postgres = await KillablePostgres.StartAsync(folder.Path);
        await using var app = RunningServer.Build("Development", await postgres.SeedAsync());
        await app.StartAsync(Cancellation);
        await using var seattle = await ConnectAsync(app, "seattle");
        await using var redmond = await ConnectAsync(app, "redmond");

        var (answered, failed) = (0, 0);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var load = new[] { (seattle, "seattle"), (redmond, "redmond"), (seattle, "seattle"), (redmond, "redmond") }.Select(async caller =>
        {
            while (!over.IsCancellationRequested)
                if (await CallAsync(caller.Item1, caller.Item2))
                    Interlocked.Increment(ref answered);
                else
                    Interlocked.Increment(ref failed);
        }).ToArray();

        for (var round = 0; round < 2; round++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), Cancellation);
            await postgres.KillAsync();
            var before = failed;
            await Task.Delay(TimeSpan.FromSeconds(1), Cancellation);
            Assert.True(failed > before, "No call failed while PostgreSQL was away.");
            await postgres.RestartAsync();
            var back = Stopwatch.StartNew();
            while (!(await CallAsync(seattle, "seattle") && await CallAsync(redmond, "redmond")))
                Assert.True(back.Elapsed < TimeSpan.FromSeconds(5), "It did not recover within 5 s.");
            using var health = await new HttpClient { BaseAddress = new(app.Urls.First()) }.GetAsync("/health", Cancellation);
            Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        }
        await over.CancelAsync();
        await Task.WhenAll(load);
        Assert.True(answered > 20 && failed > 0, $"{answered} answered, {failed} failed");

        // A database that may only be read answers; what is to be recorded waits until it may be written.
        await postgres.ExecuteAsync("ALTER DATABASE retail_db SET default_transaction_read_only = on");
        await postgres.EndSessionsAsync();
        while (!(await CallAsync(seattle, "seattle") && await CallAsync(redmond, "redmond")))
            await Task.Delay(50, Cancellation); // each pool finds out by itself that its sessions have ended
        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation); // what waited from before is written, or is not
        var recorded = await postgres.CountCallsAsync();
        for (var call = 0; call < 10; call++)
            Assert.True(await CallAsync(redmond, "redmond"));
        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation);
        Assert.Equal(recorded, await postgres.CountCallsAsync());
        await postgres.ExecuteAsync("ALTER DATABASE retail_db RESET default_transaction_read_only", "postgres");
        await postgres.EndSessionsAsync();
        await Eventually.EqualAsync(true, async () => await postgres.CountCallsAsync() >= recorded + 10);
        await app.StopAsync(Cancellation);
    }

    /// <returns>Whether there was an answer; an error is none, and another store's row is a failed test.</returns>
    static async Task<bool> CallAsync(McpClient client, string store)
    {
        try
        {
            var answer = await client.CallToolAsync("execute_sales_query", new Dictionary<string, object?> { ["sql"] = "SELECT store_id, sku FROM products" },
                cancellationToken: Cancellation);
            var text = string.Join(' ', answer.Content) + answer.StructuredContent;
            Assert.DoesNotContain(store == "seattle" ? "redmond" : "seattle", text);
            if (answer.IsError is not true)
                Assert.Contains($"SKU-{store}", text);
            return answer.IsError is not true;
        }
        catch (HttpRequestException unavailable) when (unavailable.StatusCode == HttpStatusCode.ServiceUnavailable)
        {
            return false;
        }
        catch (McpException)
        {
            return false;
        }
    }

    static async Task<McpClient> ConnectAsync(WebApplication app, string store)
    {
        var token = app.Services.GetRequiredService<DevelopmentIssuer>().Issue(Persona.All.Single(persona => persona.Name == $"{store}-manager"));
        var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        return await McpClient.CreateAsync(
            new HttpClientTransport(new() { Endpoint = new Uri(new Uri(app.Urls.First()), "/mcp") }, http, ownsHttpClient: true), cancellationToken: Cancellation);
    }
}
