using Zava.Benchmarks;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Kill;

/// <summary>The kills of ./zava bench soak, briefly.</summary>
public sealed class KillSoakTests
{
    [Fact]
    public async Task Killed_workers_and_a_crashed_database_lose_no_product()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It crashes a PostgreSQL of its own, and this machine has none with pgvector 0.8; the other tests run in a container.");
        var report = await KillSoak.RunAsync(
            Path.Combine(Repository.Root, ".zava", "test-kill-postgres"), kills: 3, restarts: 1, products: 600, report: null, TestContext.Current.CancellationToken);
        Assert.Equal((3, 1, 0L), (report.Kills, report.Restarts, report.Faults));
        // It was a soak: there was an edit or two, and the provider was asked.
        Assert.True(report.Edits > 20 && report.Products > 500 && report.Requests > 10, report.ToString());
    }
}
