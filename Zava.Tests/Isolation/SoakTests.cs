using Npgsql;
using Zava.Benchmarks;

namespace Zava.Tests.Isolation;

/// <summary>The soak of ./zava bench soak, briefly.</summary>
public sealed class SoakTests(TwoStores stores) : IClassFixture<TwoStores>
{
    [Fact]
    public async Task On_one_pool_with_cancelled_and_cut_sessions_no_row_goes_astray()
    {
        await using var application = NpgsqlDataSource.Create(stores.Database.ConnectionString("mcp_user"));
        var report = await Soak.RunAsync(application, stores.Database.As(null), stores.Database.Key, 5_000, report: null, TestContext.Current.CancellationToken);
        Assert.Equal((5_000L, 0L), (report.Statements, report.WrongRows));
        // It was a soak: much was read, cancelled, failed and cut.
        Assert.True(report.Rows > 2_000 && report.Cancelled > 0 && report.Failed > 50 && report.Cut > 0, report.ToString());
    }
}
