using System.Net;
using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>Who did what stays on record, and a record that was touched is found.</summary>
public sealed class AuditTests(DatabaseTemplate template) : IAsyncLifetime
{
    TestDatabase _database = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _database = await template.CreateDatabaseAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task<AuditReport> VerifyAsync() => new AuditVerifier(_database.As("zava_ops")).VerifyAsync(Cancellation);

    async Task ExecuteAsync(string login, string sql)
    {
        await using var command = _database.As(login).CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    Task TrySealAsync() => ExecuteAsync(DatabaseRole.Application, "SELECT retail.seal_audit_log()");

    // Any transaction of the server that began earlier, other tests' included, puts it off.
    Task SealAsync() => Eventually.EqualAsync(0L, async () =>
    {
        await TrySealAsync();
        return (await VerifyAsync()).Unsealed;
    });

    Task RecordAsync(params IEnumerable<string> users) => ExecuteAsync(DatabaseRole.Application, $$"""
        SELECT retail.record_tool_calls('[{{string.Join(',', users.Select(user => $$"""
            {"called_at": "2026-01-31T10:00:00-08:00", "tool": "list_stores", "user_name": "{{user}}", "store_id": "seattle", "outcome": "ok", "rows": 1, "duration_ms": 1.5, "trace_id": null}
            """))}}]')
        """);

    /// <summary>Three batches: two changes, two calls, one change.</summary>
    async Task FillAsync()
    {
        await _database.ExecuteAsync("UPDATE retail.stores SET region = 'one' WHERE store_id IN ('seattle', 'redmond')");
        await SealAsync();
        await RecordAsync("ada", "grace");
        await _database.ExecuteAsync("UPDATE retail.stores SET region = 'two' WHERE store_id = 'redmond'");
        await SealAsync();
    }

    [Fact]
    public async Task A_record_that_nobody_touched_holds()
    {
        Assert.Equal((0L, true), (await VerifyAsync()) is { } empty ? (empty.Batches, empty.Problems.Count == 0) : default);
        await FillAsync();
        await _database.ExecuteAsync("UPDATE retail.stores SET region = 'three' WHERE store_id = 'redmond'");
        var report = await VerifyAsync();
        Assert.Empty(report.Problems);
        Assert.Equal((3L, 3L, 2L, 1L), (report.Batches, report.Changes, report.ToolCalls, report.Unsealed));
        await SealAsync();
        Assert.Equal(0L, (await VerifyAsync()).Unsealed);
        await SealAsync();
        Assert.Equal(4L, (await VerifyAsync()).Batches);
        Assert.NotEqual(report.Head, (await VerifyAsync()).Head);
    }

    [Theory]
    [InlineData("UPDATE retail.audit_log SET acting_user = 'somebody else' WHERE log_number = 1", "Batch 1 (changes): an entry")]
    [InlineData("UPDATE retail.audit_log SET new_values = new_values || '{\"region\": \"x\"}' WHERE log_number = 3", "Batch 3 (changes): an entry")]
    [InlineData("UPDATE retail.audit_log SET created_at = created_at + interval '1 microsecond' WHERE log_number = 2", "Batch 1 (changes): an entry")]
    [InlineData("DELETE FROM retail.audit_log WHERE log_number = 2", "Batch 1 (changes) has 1 entries and was sealed with 2: entries were removed.")]
    [InlineData("INSERT INTO retail.audit_log (table_name, action, transaction_number) SELECT 'x', 'x', transaction_number FROM retail.audit_log LIMIT 1", "Batch 1 (changes) has 3 entries and was sealed with 2: entries were added.")]
    [InlineData("UPDATE retail.tool_calls SET user_name = 'eve' WHERE call_number = 1", "Batch 2 (tool_calls): an entry")]
    [InlineData("UPDATE retail.tool_calls SET called_at = called_at + interval '1 second' WHERE call_number = 2", "Batch 2 (tool_calls): an entry")]
    [InlineData("DELETE FROM retail.tool_calls WHERE call_number = 2", "Batch 2 (tool_calls) has 1 entries and was sealed with 2: entries were removed.")]
    [InlineData("INSERT INTO retail.tool_calls (batch_number, called_at, tool, user_name, outcome, duration_ms) VALUES (99, now(), 'x', 'x', 'ok', 1)", "1 tool calls belong to no batch: they were added.")]
    [InlineData("UPDATE retail.tool_calls SET batch_number = 3 WHERE call_number = 1", "Batch 2 (tool_calls) has 1 entries and was sealed with 2: entries were removed.")]
    [InlineData("DELETE FROM retail.audit_batches WHERE batch_number = 2", "Batch 2 is missing: 1 is followed by 3.")]
    [InlineData("DELETE FROM retail.audit_batches WHERE batch_number = 3", "The chain should end in another batch than 2: the last batches were removed.")]
    [InlineData("DELETE FROM retail.audit_batches WHERE batch_number = 1", "Batch 1 is missing: 0 is followed by 2.")]
    [InlineData("UPDATE retail.audit_batches SET entries = 1 WHERE batch_number = 1", "Batch 1 (changes) has 2 entries and was sealed with 1")]
    [InlineData("UPDATE retail.audit_batches SET hash = sha256('x') WHERE batch_number = 1", "Batch 2 does not follow batch 1: one of them was replaced.")]
    [InlineData("UPDATE retail.audit_batches SET to_transaction = '0' WHERE batch_number = 1", "Batch 1 (changes) has 0 entries")]
    [InlineData("DELETE FROM retail.audit_chain", "The chain should end in another batch")]
    public async Task Whatever_was_done_to_it_is_found(string deed, string found)
    {
        await FillAsync();
        Assert.Empty((await VerifyAsync()).Problems);
        // A superuser, past triggers and row-level security.
        await _database.ExecuteAsync($"SET session_replication_role = replica; {deed}; RESET session_replication_role");
        Assert.Contains((await VerifyAsync()).Problems, problem => problem.StartsWith(found, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_change_of_a_transaction_that_still_runs_is_sealed_once_it_has_ended()
    {
        await using var early = await _database.As(null).OpenConnectionAsync(Cancellation);
        await early.ExecuteAsync("BEGIN; UPDATE retail.stores SET region = 'early' WHERE store_id = 'seattle'");
        await _database.ExecuteAsync("UPDATE retail.stores SET region = 'late' WHERE store_id = 'redmond'");
        await TrySealAsync();
        await early.ExecuteAsync("COMMIT");
        await SealAsync();
        var report = await VerifyAsync();
        Assert.Empty(report.Problems);
        Assert.Equal((2L, 0L), (report.Changes, report.Unsealed));
    }

    [Fact]
    public async Task Writers_at_once_make_one_chain()
    {
        await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
        {
            if (i % 4 == 0)
                await _database.ExecuteAsync($"UPDATE retail.stores SET region = '{i}' WHERE store_id = 'seattle'");
            else if (i % 4 == 1)
                await TrySealAsync();
            else
                await RecordAsync($"user {i}");
        }));
        await SealAsync();
        var report = await VerifyAsync();
        Assert.Empty(report.Problems);
        Assert.Equal((10L, 20L, 0L), (report.Changes, report.ToolCalls, report.Unsealed));
    }

    [Theory]
    [InlineData("INSERT INTO retail.tool_calls (batch_number, called_at, tool, user_name, outcome, duration_ms) VALUES (1, now(), 'x', 'x', 'ok', 1)")]
    [InlineData("UPDATE retail.tool_calls SET user_name = 'x'")]
    [InlineData("DELETE FROM retail.tool_calls")]
    [InlineData("TRUNCATE retail.tool_calls")]
    [InlineData("SELECT batch_number FROM retail.tool_calls")]
    [InlineData("SELECT log_number FROM retail.audit_log")]
    [InlineData("SELECT * FROM retail.audit_batches")]
    [InlineData("UPDATE retail.audit_chain SET batch_number = 0")]
    [InlineData("SELECT retail.append_audit_batch('changes', 1, '0', '9', 0, '')")]
    public async Task The_application_only_appends(string sql)
    {
        await RecordAsync("ada");
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(DatabaseRole.Application, sql))).SqlState);
    }

    [Theory]
    [InlineData("UPDATE retail.tool_calls SET user_name = 'x'")]
    [InlineData("DELETE FROM retail.audit_batches")]
    [InlineData("TRUNCATE retail.tool_calls")]
    public async Task Not_even_the_superuser_changes_it_by_accident(string sql)
    {
        await RecordAsync("ada");
        Assert.Contains("append-only", (await Assert.ThrowsAsync<PostgresException>(() => _database.ExecuteAsync(sql))).MessageText);
    }

    [Fact]
    public async Task Every_call_of_a_tool_is_recorded_without_what_was_asked_or_answered()
    {
        await using (var server = await RunningServer.StartAsync(_database))
        {
            await using var seattle = await server.ConnectAsync(server.TokenOf("seattle-manager"));
            await using var head = await server.ConnectAsync(server.TokenOf("head-office"));
            await seattle.CallToolAsync("list_stores", cancellationToken: Cancellation);
            await seattle.CallToolAsync("execute_sales_query", Sql("SELECT 'WHAT WAS ASKED' FROM generate_series(1, 7)"), cancellationToken: Cancellation);
            await seattle.CallToolAsync("execute_sales_query", Sql("SELECT nonsense"), cancellationToken: Cancellation);
            await seattle.CallToolAsync("get_product", new Dictionary<string, object?> { ["sku"] = "X", ["store_id"] = "redmond" }, cancellationToken: Cancellation);
            await head.CallToolAsync("execute_sales_query", Sql("SELECT 1", "redmond"), cancellationToken: Cancellation);
            await head.CallToolAsync("execute_sales_query", Sql("SELECT 1"), cancellationToken: Cancellation);
            var without = server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "limited", ["stores"] = (string[])["seattle"], ["scope"] = "catalog.read" });
            await using var limited = await server.ConnectAsync(without);
            Assert.Equal(HttpStatusCode.Forbidden, (await Assert.ThrowsAsync<HttpRequestException>(async () =>
                await limited.CallToolAsync("execute_sales_query", Sql("SELECT 1"), cancellationToken: Cancellation))).StatusCode);
        } // A server that stops writes all.

        Assert.Equal("""
            execute_sales_query head.office@zava.example - ok 1
            execute_sales_query head.office@zava.example redmond ok 1
            execute_sales_query limited seattle forbidden -
            execute_sales_query seattle.manager@zava.example seattle ok 7
            execute_sales_query seattle.manager@zava.example seattle refused -
            get_product seattle.manager@zava.example seattle refused -
            list_stores seattle.manager@zava.example seattle ok 1
            """.ReplaceLineEndings("\n"),
            await _database.ScalarAsync<string>("""
                SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
                    SELECT concat_ws(' ', tool, user_name, coalesce(store_id, '-'), outcome, coalesce(rows::text, '-')) FROM retail.tool_calls
                     WHERE duration_ms >= 0 AND called_at > now() - interval '1 minute' AND called_at <= now() AND trace_id ~ '^[0-9a-f]{32}$') AS calls (line)
                """));
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.tool_calls t WHERE to_jsonb(t)::text ~ 'ASKED|nonsense'"));
        Assert.Empty((await VerifyAsync()).Problems);

        static Dictionary<string, object?> Sql(string sql, string? store = null) => store is null ? new() { ["sql"] = sql } : new() { ["sql"] = sql, ["store_id"] = store };
    }

    [Fact]
    public async Task A_store_reads_its_own_entries_and_no_other()
    {
        await RecordAsync("ada");
        await ExecuteAsync(DatabaseRole.Application, """
            SELECT retail.record_tool_calls('[{"called_at": "2026-01-31T10:00:00Z", "tool": "t", "user_name": "of redmond", "store_id": "redmond", "outcome": "ok", "duration_ms": 1},
                                              {"called_at": "2026-01-31T10:00:00Z", "tool": "t", "user_name": "of all", "store_id": null, "outcome": "ok", "duration_ms": 1}]')
            """);
        var tenant = new TenantDatabase(_database.As(DatabaseRole.Application), new(_database.Key, TimeProvider.System));
        foreach (var (stores, expected) in ((StoreSet, string[])[])[(StoreSet.Of("seattle"), ["ada"]), (StoreSet.Of("redmond"), ["of redmond"]), (StoreSet.Of("online"), [])])
            Assert.Equal(expected, await tenant.QueryAsync(new(stores, "a", "t"), new("SELECT user_name FROM retail.tool_calls"), row => row.GetString(0), Cancellation));
    }

    [Theory]
    [InlineData("{0}", "application/json; charset=utf-16")]
    [InlineData("\uFEFF{0}", "application/json")]
    [InlineData("{1}", "application/json")]
    public async Task A_forbidden_call_is_recorded_or_unread_however_it_is_written(string form, string type)
    {
        const string Call = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_stores"}}""";
        HttpStatusCode status;
        await using (var server = await RunningServer.StartAsync(_database))
        {
            using var http = server.CreateHttpClient(server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "limited", ["stores"] = (string[])["seattle"], ["scope"] = "x" }));
            http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
            var content = new StringContent(form.Replace("{0}", Call).Replace("{1}", Call.Replace("\"name\"", "\"Name\"").Replace("\"params\"", "\"Params\"")));
            content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type);
            status = (await http.PostAsync("/mcp", content, Cancellation)).StatusCode;
        }
        var recorded = await _database.ScalarAsync<long>("SELECT count(*) FROM retail.tool_calls WHERE outcome = 'forbidden' AND tool = 'list_stores'");
        Assert.Contains((status, recorded), ((HttpStatusCode, long)[])[(HttpStatusCode.Forbidden, 1), (HttpStatusCode.UnsupportedMediaType, 0), (HttpStatusCode.BadRequest, 0)]);
    }

    [Fact]
    public async Task A_call_that_cannot_be_written_keeps_no_other_from_it()
    {
        await using (var server = await RunningServer.StartAsync(_database))
        {
            await _database.ExecuteAsync("ALTER TABLE retail.tool_calls ADD CONSTRAINT refuses CHECK (tool <> 'get_current_utc_date')");
            await using var client = await server.ConnectAsync(server.TokenOf("seattle-manager"));
            await client.CallToolAsync("list_stores", cancellationToken: Cancellation);
            await client.CallToolAsync("get_current_utc_date", cancellationToken: Cancellation);
            await client.CallToolAsync("list_stores", cancellationToken: Cancellation);
        }
        Assert.Equal(2L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.tool_calls"));
        Assert.Empty((await VerifyAsync()).Problems);
    }

    [Fact]
    public async Task Calls_wait_while_the_database_is_away()
    {
        await using (var server = await RunningServer.StartAsync(_database))
        {
            await using var client = await server.ConnectAsync(server.TokenOf("seattle-manager"));
            await _database.ExecuteAsync("REVOKE EXECUTE ON FUNCTION retail.record_tool_calls(jsonb) FROM mcp_user");
            await client.CallToolAsync("get_current_utc_date", cancellationToken: Cancellation);
            await Eventually.EqualAsync(true, () => Task.FromResult(server.Log.Entries.Any(entry => entry.Contains("could not be recorded yet"))));
            Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.tool_calls"));
            await _database.ExecuteAsync("GRANT EXECUTE ON FUNCTION retail.record_tool_calls(jsonb) TO mcp_user");
            await Eventually.EqualAsync(1L, () => _database.ScalarAsync<long>("SELECT count(*) FROM retail.tool_calls"));
        }
        Assert.Equal(1L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.tool_calls"));
    }
}
