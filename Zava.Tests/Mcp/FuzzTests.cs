using Microsoft.Extensions.Configuration;
using Zava.Benchmarks;
using Zava.Tests.Infrastructure;
using Zava.Tests.Isolation;

namespace Zava.Tests.Mcp;

/// <summary>The fuzz of ./zava bench soak, briefly.</summary>
public sealed class FuzzTests(DatabaseTemplate template)
{
    [Fact]
    public async Task No_request_is_answered_with_a_fault_or_in_the_servers_own_words_or_not_at_all()
    {
        await using var stores = new TwoStores(template);
        await stores.InitializeAsync();
        await using var server = await RunningServer.StartAsync(
            stores.Database, configure: builder => builder.Configuration.AddInMemoryCollection([new("Limits:RequestsPerMinute", "1000000")]));
        var report = await Fuzz.RunAsync(server.McpAddress, server.TokenOf("head-office"), 1_000, seed: 1, report: null, TestContext.Current.CancellationToken);
        Assert.True(report.Faults.Count == 0, string.Join("\n\n", report.Faults));
        // Much of it got as far as the tools, and much was refused before.
        Assert.True(report.Statuses.GetValueOrDefault(200) > 300 && report.Statuses.GetValueOrDefault(400) > 50 && report.Statuses.Count > 5, string.Join(", ", report.Statuses));
        Assert.DoesNotContain(server.Log.Entries, entry => entry.StartsWith("Error", StringComparison.Ordinal) || entry.StartsWith("Critical", StringComparison.Ordinal));
        await using var client = await server.ConnectAsync(server.TokenOf("seattle-manager"));
        Assert.NotEqual(true, (await client.CallToolAsync("list_stores", cancellationToken: TestContext.Current.CancellationToken)).IsError);
    }
}
