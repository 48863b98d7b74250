using Npgsql;
using Zava.Database;

namespace Zava.Tests.Isolation;

/// <summary>
/// The server's sessions are not reset between one caller and the next. So whatever SQL ran in one, were it an attacker's
/// that got into a statement of ours, the next caller's finds it as it was made.
/// </summary>
public sealed class SessionTests(TwoStores stores) : IClassFixture<TwoStores>
{
    const string State = """
        SELECT (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE source = 'session'),
               current_user::text, (SELECT count(*)::text FROM pg_cursors), pg_my_temp_schema()::text, (SELECT count(*)::text FROM pg_listening_channels())
        """;

    public static TheoryData<string> Leavings =>
    [
        "SELECT set_config('search_path', 'pg_temp, retail', false)",
        "SELECT set_config('statement_timeout', '1ms', false)",
        "SELECT set_config('row_security', 'off', false)",
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "SELECT set_config('app.context', '1|test|9999999999|1|*|YQ==|YQ==||00', false)",
        "SELECT set_config('pg_trgm.similarity_threshold', '0', false)",
        "SELECT set_config('plan_cache_mode', 'force_custom_plan', false), 1 / 0",
        "SET SESSION statement_timeout = '1ms'",
    ];

    [Theory, MemberData(nameof(Leavings))]
    [InlineData("DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1")]
    public async Task What_is_left_by_a_read_is_not_there_for_the_next(string sql)
    {
        await using var pool = Pool();
        var database = new TenantDatabase(pool, stores.Sealer);
        var before = await StateAsync(database);
        await RunAsync(() => database.QueryAsync(Of("redmond"), new NpgsqlBatchCommand(sql), row => row.GetValue(0), Cancellation));
        Assert.Equal(before, await StateAsync(database));
    }

    [Theory, MemberData(nameof(Leavings))]
    public async Task What_is_left_by_a_write_is_not_there_for_the_next(string sql)
    {
        await using var pool = Pool();
        var database = new TenantDatabase(pool, stores.Sealer);
        var before = await StateAsync(database);
        await RunAsync(() => database.WriteAsync(Of("redmond"), new NpgsqlBatchCommand(sql), row => row.GetValue(0), Cancellation));
        Assert.Equal(before, await StateAsync(database));
    }

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    static TenantContext Of(string store) => new(StoreSet.Of(store), "attacker@example.com", "test");

    // Of one connection, which everybody gets.
    NpgsqlDataSource Pool() => NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(stores.Database.ConnectionString(DatabaseRole.Application)) { MaxPoolSize = 1, NoResetOnClose = true, MaxAutoPrepare = 50 });

    static async Task<string> StateAsync(TenantDatabase database) =>
        (await database.QueryAsync(Of("seattle"), new NpgsqlBatchCommand(State), row => string.Join(' ', Enumerable.Range(0, 5).Select(i => row.IsDBNull(i) ? "" : row.GetString(i))), Cancellation)).Single();

    static async Task RunAsync(Func<Task> attack)
    {
        try
        {
            await attack();
        }
        catch (PostgresException)
        {
        }
    }
}
