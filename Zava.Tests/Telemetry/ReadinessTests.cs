using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Zava.Database;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Telemetry;

/// <summary>Services may start before the seeder: they live, are not ready, say why without a secret, and become ready by themselves.</summary>
public sealed class ReadinessTests(DatabaseTemplate template)
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_on_an_unmigrated_database_lives_takes_no_call_and_becomes_ready_when_the_seeder_has_run()
    {
        await using var database = await UnmigratedAsync();
        await using var server = await RunningServer.StartAsync(database);
        using var http = server.CreateHttpClient(server.TokenOf("seattle-manager"));
        Assert.Equal((HttpStatusCode.OK, "Healthy"), await GetAsync(http, "/alive"));
        foreach (var path in (string[])["/ready", "/health"])
        {
            var (status, said) = await GetAsync(http, path);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            Assert.StartsWith("""{"status":"Unhealthy","problems":{""", said);
            Assert.Contains("\"database\":\"The database is not migrated to this version: run the seeder.\"", said);
        }
        using var call = await http.PostAsync("/mcp", new StringContent("{}"), Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, call.StatusCode);
        Assert.NotNull(call.Headers.RetryAfter);

        await MigrateAsync(database);
        await Eventually.EqualAsync((HttpStatusCode.OK, "Healthy"), () => GetAsync(http, "/ready"));
        await Eventually.EqualAsync(HttpStatusCode.OK, async () =>
        {
            using var answer = await http.SendAsync(ListTools(), Cancellation);
            return answer.StatusCode;
        });

        // A migration that is missing again, as after a restore of an older backup.
        await database.ExecuteAsync("DELETE FROM retail.schema_versions WHERE scriptname LIKE '%0014%'");
        var (older, why) = await GetAsync(http, "/ready");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (older, why.Contains("The database lacks 1 migrations of this version", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_worker_process_on_an_unmigrated_database_lives_and_becomes_ready_and_embeds_when_the_seeder_has_run()
    {
        await using var database = await UnmigratedAsync();
        var address = $"http://127.0.0.1:{LoopbackPort.Free()}";
        using var worker = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Zava.EmbeddingWorker.dll")])
        {
            RedirectStandardOutput = true,
            Environment =
            {
                ["ConnectionStrings__retail_db"] = database.ConnectionString(DatabaseRole.Worker),
                ["ASPNETCORE_URLS"] = address,
            },
        })!;
        var output = worker.StandardOutput.ReadToEndAsync(Cancellation);
        try
        {
            using var http = new HttpClient { BaseAddress = new(address) };
            await Eventually.EqualAsync((HttpStatusCode.OK, "Healthy"), () => GetAsync(http, "/alive"));
            var (status, said) = await GetAsync(http, "/ready");
            Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"status":"Unhealthy","problems":{"database":"The database is not migrated to this version: run the seeder."}}"""), (status, said));

            await MigrateAsync(database);
            await database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'A', 'Mug', 1)");
            await Eventually.EqualAsync((HttpStatusCode.OK, "Healthy"), () => GetAsync(http, "/ready"));
            await Eventually.EqualAsync(1L, () => database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));
            Assert.Equal((HttpStatusCode.OK, "Healthy"), await GetAsync(http, "/health"));
        }
        finally
        {
            worker.Kill();
        }
        Assert.DoesNotContain(new NpgsqlConnectionStringBuilder(database.ConnectionString(DatabaseRole.Worker)).Password!, await output);
    }

    [Fact]
    public async Task A_server_whose_database_does_not_exist_lives_and_says_so_without_naming_hosts_or_logins()
    {
        await using var database = await template.CreateDatabaseAsync();
        foreach (var connection in (NpgsqlConnectionStringBuilder[])
        [
            new(database.ConnectionString(DatabaseRole.Application)) { Database = "zava_absent" },
            new(database.ConnectionString(DatabaseRole.Application)) { Password = "wrong" },
            new(database.ConnectionString(DatabaseRole.Application)) { Port = LoopbackPort.Free() },
        ])
        {
            await using var server = await RunningServer.StartAsync(database, configure: builder => builder.Configuration["ConnectionStrings:retail_db"] = connection.ConnectionString);
            using var http = server.CreateHttpClient(null);
            Assert.Equal((HttpStatusCode.OK, "Healthy"), await GetAsync(http, "/alive"));
            foreach (var path in (string[])["/ready", "/health"])
            {
                var (status, said) = await GetAsync(http, path);
                Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
                Assert.DoesNotContain(connection.Password!, said);
                Assert.DoesNotContain(connection.Host!, said);
                Assert.DoesNotContain(connection.Username!, said);
            }
        }
    }

    [Fact]
    public async Task Metrics_are_answered_on_their_own_port_and_only_where_they_are_wanted()
    {
        await using var database = await template.CreateDatabaseAsync();
        await using (var without = await RunningServer.StartAsync(database))
        using (var http = without.CreateHttpClient(null))
            Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(http, "/metrics")).Status);

        var port = LoopbackPort.Free();
        await using var server = await RunningServer.StartAsync(database, configure: builder =>
        {
            builder.Configuration["Metrics:PrometheusPort"] = $"{port}";
            builder.WebHost.UseUrls("http://127.0.0.1:0", $"http://127.0.0.1:{port}");
        });
        using var outside = server.CreateHttpClient(server.TokenOf("seattle-manager"));
        outside.DefaultRequestHeaders.Host = $"127.0.0.1:{port}";
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(outside, "/metrics")).Status);
        outside.DefaultRequestHeaders.Host = null;
        using (await outside.SendAsync(CallTool("list_stores"), Cancellation))
        {
        }
        using var inside = new HttpClient { BaseAddress = new($"http://127.0.0.1:{port}") };
        await Eventually.EqualAsync(true, async () => (await GetAsync(inside, "/metrics")) is { Status: HttpStatusCode.OK } scraped
            && scraped.Said.Contains("zava_tool_calls_total{", StringComparison.Ordinal) && scraped.Said.Contains("zava_tool=\"list_stores\"", StringComparison.Ordinal));
    }

    async Task<TestDatabase> UnmigratedAsync()
    {
        var database = await template.CreateDatabaseAsync();
        await database.ExecuteAsync("DROP SCHEMA retail CASCADE");
        return database;
    }

    async Task MigrateAsync(TestDatabase database)
    {
        var seeder = database.ConnectionString(DatabaseRole.Seeder);
        new DatabaseMigrator(seeder, NullLogger<DatabaseMigrator>.Instance).Run();
        await new ContextKeyStore(seeder).InstallAsync(template.Key, Cancellation);
    }

    static HttpRequestMessage ListTools() => Request("tools/list", "{}");

    static HttpRequestMessage CallTool(string tool) => Request("tools/call", $$"""{"name":"{{tool}}","arguments":{} }""");

    static HttpRequestMessage Request(string method, string parameters) => new(HttpMethod.Post, "/mcp")
    {
        Headers = { { "Accept", "application/json, text/event-stream" } },
        Content = new StringContent($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""", System.Text.Encoding.UTF8, "application/json"),
    };

    static async Task<(HttpStatusCode Status, string Said)> GetAsync(HttpClient http, string path)
    {
        try
        {
            using var answer = await http.GetAsync(path, Cancellation);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
        }
        catch (HttpRequestException)
        {
            return (0, "");
        }
    }
}
