using System.Security.Cryptography;
using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>Only a context that the holder of the key made, for this connection and this minute, is accepted.</summary>
public sealed class SealedContextTests(TwoStores stores) : IClassFixture<TwoStores>
{
    static readonly TenantContext Seattle = new(StoreSet.Of("seattle"), "ada|,*@example.com — Ådå", "tool|name");

    sealed class Clock(TimeSpan offset) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
    }

    async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("BEGIN");
        return connection;
    }

    async Task<string> RefusalAsync(Func<NpgsqlConnection, string> token)
    {
        await using var connection = await ConnectAsync();
        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => connection.ScalarAsync("SELECT retail.set_store_context($1)", token(connection)));
        Assert.Equal(PostgresErrorCodes.InvalidAuthorizationSpecification, refused.SqlState);
        return refused.MessageText;
    }

    [Fact]
    public async Task An_expired_context_is_refused() =>
        Assert.Contains("expired", await RefusalAsync(connection =>
            new ContextSealer(stores.Database.Key, new Clock(TimeSpan.FromMinutes(-2))).Seal(Seattle, connection.ProcessID)));

    [Fact]
    public async Task A_context_of_another_connection_is_refused() =>
        Assert.Contains("another connection", await RefusalAsync(connection => stores.Sealer.Seal(Seattle, connection.ProcessID + 1)));

    [Fact]
    public async Task A_context_sealed_with_another_secret_or_an_unknown_key_is_refused()
    {
        var secret = RandomNumberGenerator.GetBytes(32);
        foreach (var id in (string[])[stores.Database.Key.Id, "unknown"])
            Assert.Contains("forged", await RefusalAsync(connection =>
                new ContextSealer(new(id, secret), TimeProvider.System).Seal(Seattle, connection.ProcessID)));
    }

    [Fact]
    public async Task Every_changed_character_breaks_the_seal()
    {
        await using var connection = await ConnectAsync();
        var token = stores.Sealer.Seal(Seattle, connection.ProcessID);
        for (var position = 0; position < token.Length; position++)
        {
            var altered = token.Remove(position, 1).Insert(position, token[position] == '0' ? "1" : "0");
            await connection.ExecuteAsync("SAVEPOINT attempt");
            var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ScalarAsync("SELECT retail.set_store_context($1)", altered));
            Assert.Equal(PostgresErrorCodes.InvalidAuthorizationSpecification, refused.SqlState);
            await connection.ExecuteAsync("ROLLBACK TO attempt");
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("seattle")]
    [InlineData("1|test|0|0|seattle|||")]
    [InlineData("1|test|99999999999|0|seattle|YQ==|YQ==||00")]
    [InlineData("2|test|99999999999|0|seattle|YQ==|YQ==||00|00")]
    public async Task Text_that_is_no_context_is_refused(string token) =>
        Assert.StartsWith("sealed context:", await RefusalAsync(_ => token));

    [Fact]
    public async Task An_unknown_or_inactive_store_is_refused()
    {
        Assert.Equal("Invalid or inactive store: nowhere", await RefusalAsync(connection =>
            stores.Sealer.Seal(Seattle with { Stores = StoreSet.Of("seattle", "nowhere") }, connection.ProcessID)));
        await stores.Database.ExecuteAsync("UPDATE retail.stores SET is_active = FALSE WHERE store_id = 'bellevue'");
        Assert.Equal("Invalid or inactive store: bellevue", await RefusalAsync(connection =>
            stores.Sealer.Seal(Seattle with { Stores = StoreSet.Of("bellevue") }, connection.ProcessID)));
        await stores.Database.ExecuteAsync("UPDATE retail.stores SET is_active = TRUE WHERE store_id = 'bellevue'");
    }

    [Fact]
    public async Task A_context_that_expires_raises_instead_of_answering_with_no_rows()
    {
        await using var connection = await ConnectAsync();
        var expired = new ContextSealer(stores.Database.Key, new Clock(TimeSpan.FromMinutes(-2))).Seal(Seattle, connection.ProcessID);
        await connection.ScalarAsync("SELECT set_config('app.context', $1, true)", expired);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ScalarAsync("SELECT count(*) FROM retail.products"));
        Assert.Contains("expired", refused.MessageText);
    }

    [Theory]
    [InlineData("nowhere", "Invalid or inactive store: nowhere")]
    [InlineData("seattle", "expired")]
    public async Task That_there_is_nothing_is_an_answer_only_where_the_context_holds(string store, string refusal)
    {
        var sealer = refusal == "expired" ? new ContextSealer(stores.Database.Key, new Clock(TimeSpan.FromMinutes(-2))) : stores.Sealer;
        var tenant = new TenantDatabase(stores.Database.As(DatabaseRole.Application), sealer);
        // The index finds no row that the policy could be asked about.
        var refused = await Assert.ThrowsAsync<PostgresException>(() => tenant.QueryAsync(
            Seattle with { Stores = StoreSet.Of(store) }, new("SELECT 1 FROM retail.products WHERE store_id = 'nowhere' AND sku = 'x'"),
            row => row.GetInt32(0), TestContext.Current.CancellationToken));
        Assert.Contains(refusal, refused.MessageText);
    }

    [Fact]
    public async Task A_change_is_recorded_with_login_user_store_tool_and_trace()
    {
        using var activity = new System.Diagnostics.Activity("test").Start();
        await using (var connection = await ConnectAsync())
        {
            await connection.ScalarAsync("SELECT retail.set_store_context($1)", stores.Sealer.Seal(Seattle, connection.ProcessID));
            await connection.ExecuteAsync("UPDATE retail.products SET price = 11 WHERE sku = 'SECRET-seattle'");
            await connection.ExecuteAsync("COMMIT");
        }
        Assert.Equal($"mcp_user/ada|,*@example.com — Ådå/seattle/tool|name/{activity.TraceId}/10.00/11.00", await stores.Database.ScalarAsync<string>("""
            SELECT concat_ws('/', a.user_name, a.acting_user, a.store_id, a.tool, a.trace_id, a.old_values ->> 'price', a.new_values ->> 'price')
              FROM retail.audit_log a JOIN retail.products p ON p.product_id = a.record_id
             WHERE a.table_name = 'products' AND a.action = 'UPDATE' AND p.sku = 'SECRET-seattle'
            """));
        Assert.Equal(1L, await stores.Database.ScalarAsync<long>(
            "SELECT count(*) FROM retail.audit_log WHERE action = 'store_context_set' AND acting_user = $1", Seattle.User));
    }

    [Fact]
    public async Task Not_even_the_superuser_changes_the_audit_log_by_accident()
    {
        foreach (var sql in (string[])["UPDATE retail.audit_log SET action = 'x'", "DELETE FROM retail.audit_log", "TRUNCATE retail.audit_log"])
            Assert.Contains("append-only", (await Assert.ThrowsAsync<PostgresException>(() => stores.Database.ExecuteAsync(sql))).MessageText);
    }
}
