using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.EmbeddingWorker.Maintenance;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Operations;

/// <summary>What is due is done, as the maintenance login, and what was not done is no success.</summary>
public sealed class MaintenanceTests(DatabaseTemplate template) : IAsyncLifetime
{
    TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await template.CreateDatabaseAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task<IReadOnlyList<MaintenanceStep>> RunAsync() =>
        new DatabaseMaintenance(_database.ConnectionString(DatabaseRole.Maintenance)).RunAsync(null, TestContext.Current.CancellationToken);

    // Autovacuum would do it at a time of its own.
    Task InsertProductsAsync(int count) => _database.ExecuteAsync($"""
        ALTER TABLE retail.products SET (autovacuum_enabled = off);
        INSERT INTO retail.products (store_id, sku, product_name, price) SELECT 'seattle', g::text, 'Product ' || g, g FROM generate_series(1, {count}) g;
        """);

    [Fact]
    public async Task A_database_in_order_is_analyzed_and_left_alone()
    {
        await InsertProductsAsync(2000);
        Assert.Empty(await RunAsync());
        Assert.Equal(2000f, await _database.ScalarAsync<float>("SELECT reltuples FROM pg_class WHERE oid = 'retail.products'::regclass"));
        // All rows at the table's own level, none about values: see 0010.
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT count(*) FROM pg_stats WHERE schemaname = 'retail' AND tablename = 'products'"));
        Assert.Equal("zava_maintenance []", await _database.ScalarAsync<string>("""
            SELECT concat_ws(' ', user_name, metadata ->> 'due') FROM retail.audit_log
             WHERE table_name = 'maintenance' AND action = 'automated_maintenance_completed'
               AND (metadata ->> 'database_size')::bigint > 1000000 AND metadata ? 'timestamp'
            """));
    }

    [Fact]
    public async Task Dead_rows_and_bloated_indexes_are_removed_and_each_statement_is_recorded()
    {
        await InsertProductsAsync(20_000);
        Assert.Empty(await RunAsync());
        // Three of four rows go, and with them the use of most of what the indexes take.
        await _database.ExecuteAsync("DELETE FROM retail.products WHERE sku::int % 4 <> 0");
        var before = await IndexBytesAsync();
        await Eventually.EqualAsync(true, () => _database.ScalarAsync<bool>("SELECT n_dead_tup > 10000 FROM pg_stat_user_tables WHERE relid = 'retail.products'::regclass"));

        var steps = await RunAsync();
        Assert.Contains(steps, step => step.Statement == "VACUUM (ANALYZE) retail.products");
        Assert.Contains(steps, step => step.Statement == "REINDEX INDEX CONCURRENTLY retail.products_pkey");
        Assert.All(steps, step => Assert.Null(step.Failure));
        Assert.True(await IndexBytesAsync() < before / 2);
        Assert.Equal((long)steps.Count, await _database.ScalarAsync<long>(
            "SELECT count(*) FROM retail.audit_log WHERE action = 'maintenance_statement_completed' AND user_name = 'zava_maintenance' AND metadata ->> 'statement' ~ '^(VACUUM|REINDEX)'"));
        await Eventually.EqualAsync(0, async () => (await RunAsync()).Count);

        Task<long> IndexBytesAsync() => _database.ScalarAsync<long>("SELECT pg_relation_size('retail.products_pkey')");
    }

    [Fact]
    public async Task What_an_interrupted_rebuild_left_is_dropped_and_an_invalid_index_built_again()
    {
        await _database.ExecuteAsync("""
            SET ROLE zava_owner;
            CREATE INDEX idx_products_price_ccnew ON retail.products (store_id, price);
            RESET ROLE;
            UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('retail.idx_products_price_ccnew'::regclass, 'retail.idx_products_price'::regclass)
            """);
        var steps = await RunAsync();
        Assert.Equal(["DROP INDEX CONCURRENTLY retail.idx_products_price_ccnew", "REINDEX INDEX CONCURRENTLY retail.idx_products_price"], steps.Select(step => step.Statement));
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT count(*) FROM pg_index WHERE NOT indisvalid"));
    }

    [Fact]
    public async Task A_warning_is_a_failure()
    {
        await _database.ExecuteAsync("ALTER TABLE retail.customers OWNER TO zava_audit");
        var failed = await Assert.ThrowsAsync<DatabaseSetupException>(RunAsync);
        Assert.Contains("skipping \"customers\"", failed.Message);
    }

    [Fact]
    public async Task A_statement_that_fails_is_recorded_and_does_not_stop_the_others()
    {
        await _database.ExecuteAsync("""
            CREATE OR REPLACE FUNCTION retail.perform_maintenance() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
            $$ SELECT unnest(ARRAY['VACUUM retail.audit_log', 'REINDEX INDEX CONCURRENTLY retail.missing', 'VACUUM retail.products']) $$
            """);
        var steps = await RunAsync();
        Assert.Contains("skipping \"audit_log\"", steps[0].Failure);
        Assert.Contains("does not exist", steps[1].Failure);
        Assert.Null(steps[2].Failure);
        Assert.Equal(2L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.audit_log WHERE action = 'maintenance_statement_failed' AND metadata ->> 'failure' IS NOT NULL"));
    }

    [Theory]
    [InlineData("2026-11-22T01:59:59", "2026-11-22T02:00")]
    [InlineData("2026-11-22T02:00:00", "2026-11-29T02:00")]
    [InlineData("2026-11-23T00:00:00", "2026-11-29T02:00")]
    [InlineData("2026-11-28T23:59:59", "2026-11-29T02:00")]
    [InlineData("2027-12-31T12:00:00", "2028-01-02T02:00")]
    public void It_is_due_on_Sunday_at_two(string now, string due) =>
        Assert.Equal(DateTimeOffset.Parse(due + "Z"), MaintenanceService.NextAfter(DateTimeOffset.Parse(now + "Z")));

    [Fact]
    public async Task The_worker_does_it_when_it_is_told_to_and_the_hour_comes()
    {
        using var worker = Worker(new() { ["Maintenance:Enabled"] = "true" });
        await worker.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.EqualAsync(true, () => _database.ScalarAsync<bool>("SELECT count(*) > 0 FROM retail.audit_log WHERE action = 'automated_maintenance_completed'"));
        await worker.StopAsync(TestContext.Current.CancellationToken);

        using var untold = Worker([]);
        Assert.DoesNotContain(untold.Services.GetServices<IHostedService>(), service => service is MaintenanceService);
    }

    [Fact]
    public void A_misspelt_setting_and_a_missing_login_stop_the_start()
    {
        Assert.Contains("Enable", Assert.Throws<InvalidOperationException>(() => Worker(new() { ["Maintenance:Enable"] = "true" })).Message);
        Assert.Contains("ConnectionStrings:retail_db_maintenance is not set", Assert.Throws<InvalidOperationException>(() =>
            Worker(new() { ["Maintenance:Enabled"] = "true", ["ConnectionStrings:retail_db_maintenance"] = null })).Message);
    }

    IHost Worker(Dictionary<string, string?> settings)
    {
        settings.TryAdd("ConnectionStrings:retail_db_maintenance", _database.ConnectionString(DatabaseRole.Maintenance));
        settings["ConnectionStrings:retail_db"] = _database.ConnectionString(DatabaseRole.Worker);
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(new AlmostSunday());
        builder.AddEmbeddingWorker();
        return builder.Build();
    }

    // It is always a moment before the hour.
    sealed class AlmostSunday : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 11, 22, 1, 59, 59, 500, TimeSpan.Zero);
    }
}
