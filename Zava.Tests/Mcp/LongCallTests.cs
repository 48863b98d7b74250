using System.Collections.Concurrent;
using System.Diagnostics;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Npgsql;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Calls that take long, because another holds the table that they read: what their clients hear, and that they can be ended.</summary>
public sealed class LongCallTests(ErrorTests.Shop shop) : IClassFixture<ErrorTests.Shop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    TestDatabase Database => shop.Stores.Database;

    async Task<NpgsqlConnection> LockSalesAsync()
    {
        var connection = await Database.As(null).OpenConnectionAsync(Cancellation);
        await connection.ExecuteAsync("BEGIN");
        await connection.ExecuteAsync("LOCK TABLE retail.sales_transactions, retail.products IN ACCESS EXCLUSIVE MODE");
        return connection;
    }

    Task<long> WaitingAsync() => Database.ScalarAsync<long>("""
        SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND (usename = 'mcp_user' OR usename LIKE 'zava\_q\_%')
        """);

    Task<McpClient> ConnectAsync(string revision) => McpClient.CreateAsync(
        new HttpClientTransport(new() { Endpoint = shop.Server.McpAddress }, shop.Server.CreateHttpClient(shop.Server.TokenOf("seattle-manager")), ownsHttpClient: true),
        new McpClientOptions { ProtocolVersion = revision }, cancellationToken: Cancellation);

    sealed class Heard : IProgress<ProgressNotificationValue>
    {
        public ConcurrentQueue<ProgressNotificationValue> Values { get; } = [];

        public void Report(ProgressNotificationValue value) => Values.Enqueue(value);
    }

    public static TheoryData<string, string, Dictionary<string, object?>> LongCalls
    {
        get
        {
            var calls = new TheoryData<string, string, Dictionary<string, object?>>();
            foreach (var revision in (string[])["2025-11-25", "2026-07-28"])
            {
                calls.Add(revision, "get_sales_trend", []);
                calls.Add(revision, "get_customer_segments", []);
                calls.Add(revision, "execute_sales_query", new() { ["sql"] = "SELECT count(*) FROM sales_transactions" });
            }
            return calls;
        }
    }

    [Theory, MemberData(nameof(LongCalls))]
    public async Task A_client_that_asks_hears_how_long_its_call_has_been_running(string revision, string tool, Dictionary<string, object?> arguments)
    {
        await using var client = await ConnectAsync(revision);
        Assert.Equal(revision, client.NegotiatedProtocolVersion);
        var heard = new Heard();
        Task<CallToolResult> call;
        await using (await LockSalesAsync())
        {
            call = client.CallToolAsync(tool, arguments, heard, cancellationToken: Cancellation).AsTask();
            await Eventually.EqualAsync(true, () => Task.FromResult(heard.Values.Count >= 2));
            Assert.False(call.IsCompleted);
        }
        var result = await call;
        Assert.True(result.IsError is not true, string.Concat(result.Content.OfType<TextContentBlock>().Select(block => block.Text)));
        var values = heard.Values.ToArray();
        Assert.Equal(values.OrderBy(value => value.Progress).DistinctBy(value => value.Progress).Select(value => value.Progress), values.Select(value => value.Progress));
        Assert.All(values, value => Assert.Matches("^Running for [0-9]+ s$", value.Message));
        // What share of it is done is not known, and not made up.
        Assert.All(values, value => Assert.Null(value.Total));
    }

    [Fact]
    public async Task A_short_call_is_answered_without_a_word_of_progress()
    {
        await using var client = await ConnectAsync("2026-07-28");
        var heard = new Heard();
        await client.CallToolAsync("get_current_utc_date", cancellationToken: Cancellation);
        await client.CallToolAsync("get_current_utc_date", progress: heard, cancellationToken: Cancellation);
        Assert.Empty(heard.Values);
    }

    public static TheoryData<string, string> Interruptible => new()
    {
        { "tools/call", """{"name":"get_sales_trend","arguments":{}}""" },
        { "tools/call", """{"name":"get_basket_affinity","arguments":{}}""" },
        { "tools/call", """{"name":"execute_sales_query","arguments":{"sql":"SELECT count(*) FROM sales_transactions"}}""" },
        { "resources/read", """{"uri":"zava://reports/daily/seattle/2026-03-31"}""" },
        { "resources/read", """{"uri":"zava://products/seattle/X"}""" },
        { "completion/complete", """{"ref":{"type":"ref/prompt","name":"gift_finder"},"argument":{"name":"brand","value":""}}""" },
    };

    [Theory, MemberData(nameof(Interruptible))]
    public async Task Closing_the_request_ends_the_statement_in_PostgreSQL(string method, string parameters)
    {
        await using var held = await LockSalesAsync();
        using var closed = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var call = shop.Server.AskUntilAsync(shop.Server.TokenOf("seattle-manager"), method, parameters, closed.Token);
        await Eventually.EqualAsync(1L, WaitingAsync);
        var watch = Stopwatch.StartNew();
        await closed.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Eventually.EqualAsync(0L, WaitingAsync);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3), $"The statement went on for {watch.Elapsed}.");
    }

    [Fact]
    public async Task A_client_that_cancels_its_call_ends_the_statement_in_PostgreSQL()
    {
        await using var client = await ConnectAsync("2026-07-28");
        await using var held = await LockSalesAsync();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var call = client.CallToolAsync("get_sales_trend", cancellationToken: cancel.Token).AsTask();
        await Eventually.EqualAsync(1L, WaitingAsync);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Eventually.EqualAsync(0L, WaitingAsync);
    }
}
