using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>The views that show what runs in all stores are for operators, and show them no SQL that a caller wrote.</summary>
public sealed class MonitoringTests(TwoStores stores) : IClassFixture<TwoStores>, IAsyncLifetime
{
    // As the seeder's superuser does; the database was made by an administrator who is none.
    public async ValueTask InitializeAsync() => await stores.Database.ExecuteAsync(SqlResource.Read("Monitoring.sql"));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public static TheoryData<string, string> Attacks
    {
        get
        {
            var attacks = new TheoryData<string, string>();
            foreach (var login in (string[])[DatabaseRole.Application, DatabaseRole.Worker, "zava_backup", "seattle", QueryLogin.EveryStore])
                foreach (var sql in (string[])
                [
                    "SELECT * FROM retail.slow_queries", "SELECT * FROM retail.table_stats", "SELECT * FROM retail.index_usage",
                    "SELECT * FROM retail.statement_statistics()", "SELECT * FROM public.pg_stat_statements",
                    "SELECT * FROM public.pg_stat_statements(true)", "SELECT * FROM public.pg_stat_statements_info",
                    "SELECT public.pg_stat_statements_reset()", "SET ROLE zava_monitor", "SET ROLE pg_read_all_stats", "SET ROLE zava_ops",
                    "SELECT * FROM retail.perform_maintenance()",
                ])
                    attacks.Add(login, sql);
            return attacks;
        }
    }

    [Theory, MemberData(nameof(Attacks))]
    public async Task No_other_login_sees_them(string login, string sql)
    {
        var connectionString = login is "seattle" or QueryLogin.EveryStore ? QueryConnectionString(login) : stores.Database.ConnectionString(login);
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false });
        await using var connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ReadAllAsync(sql));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    string QueryConnectionString(string store)
    {
        var login = QueryLogin.Of(stores.Database.Key, store);
        return new NpgsqlConnectionStringBuilder(stores.Database.AdministratorConnectionString) { Username = login.Name, Password = login.Password }.ConnectionString;
    }

    [Fact]
    public async Task Operators_see_the_services_statements_and_that_free_SQL_was_slow_but_not_what_it_said()
    {
        await using (var application = await stores.OpenAsync(StoreSet.Of("redmond")))
            await application.ScalarAsync("SELECT pg_sleep($1) AS of_the_service", 0.15);
        // The tool's own way leaves no trace at all, because it ends in a rollback; the login is what counts.
        await using (var source = NpgsqlDataSource.Create(QueryConnectionString("redmond")))
        await using (var query = source.CreateCommand("SELECT pg_sleep(0.15) AS \"Secret of redmond\", 'SECRET-redmond' /* SECRET-redmond */"))
            await query.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        await using var operators = await stores.Database.As("zava_ops").OpenConnectionAsync(TestContext.Current.CancellationToken);
        var seen = await operators.ReadAllAsync("SELECT login, query, calls, mean_exec_time FROM retail.slow_queries");
        Assert.Contains("mcp_user SELECT pg_sleep($1) AS of_the_service 1 ", seen);
        Assert.Contains($"{QueryLogin.Of(stores.Database.Key, "redmond").Name} (SQL of a caller's own) 1 ", seen);
        Assert.DoesNotContain("redmond", seen, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0L, await operators.ScalarAsync("SELECT count(*) FROM retail.slow_queries WHERE mean_exec_time <= 100"));
    }

    [Fact]
    public async Task Without_the_extension_the_view_says_so()
    {
        await using var connection = await stores.Database.As(null).OpenConnectionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("BEGIN; DROP EXTENSION pg_stat_statements; SET LOCAL SESSION AUTHORIZATION zava_ops");
        var missing = await Assert.ThrowsAsync<PostgresException>(() => connection.ReadAllAsync("SELECT * FROM retail.slow_queries"));
        Assert.Equal(PostgresErrorCodes.ObjectNotInPrerequisiteState, missing.SqlState);
        Assert.Contains("pg_stat_statements is missing", missing.MessageText);
        await connection.ExecuteAsync("ROLLBACK");
    }

    [Fact]
    public async Task Sizes_and_counts_are_those_of_the_tables_and_indexes()
    {
        await stores.Database.ExecuteAsync("DELETE FROM retail.customers WHERE store_id = 'bellevue'");
        await stores.Database.ExecuteAsync("INSERT INTO retail.customers (store_id, first_name, last_name, email) SELECT 'bellevue', 'A', 'B', g::text FROM generate_series(1, 50) g");
        await stores.Database.ExecuteAsync("DELETE FROM retail.customers WHERE store_id = 'bellevue'");
        await using var operators = await stores.Database.As("zava_ops").OpenConnectionAsync(TestContext.Current.CancellationToken);
        await Eventually.EqualAsync(true, async () =>
            (bool)(await operators.ScalarAsync("SELECT inserts >= 52 AND deletes >= 50 AND dead_tuples >= 50 FROM retail.table_stats WHERE tablename = 'customers'"))!);
        Assert.Equal(await stores.Database.ScalarAsync<long>("SELECT pg_total_relation_size('retail.customers')"),
            await operators.ScalarAsync("SELECT size_bytes FROM retail.table_stats WHERE schemaname = 'retail' AND tablename = 'customers'"));
        // One row for each, although other schemas may have tables and indexes of the same name.
        Assert.Equal(await stores.Database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relkind = 'r'"),
            await operators.ScalarAsync("SELECT count(*) FROM retail.table_stats"));
        Assert.Equal(await stores.Database.ScalarAsync<long>("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind = 'r'"),
            await operators.ScalarAsync("SELECT count(*) FROM retail.index_usage WHERE is_valid AND size_bytes >= 0 AND size IS NOT NULL"));
    }
}
