using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>Whatever SQL somebody of one store runs, they learn nothing of another's, and leave nothing behind.</summary>
public sealed class FreeSqlTests(TwoStores stores, DatabaseTemplate template) : IClassFixture<TwoStores>, IAsyncLifetime
{
    static readonly TenantContext Seattle = new(StoreSet.Of("seattle"), "attacker@example.com", "test");

    readonly QueryDatabase _database = Create(stores);
    string[] _secrets = [];

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    static QueryDatabase Create(TwoStores stores, QueryOptions? options = null) => new(
        stores.Database.As(DatabaseRole.Application), stores.Database.Key, stores.Sealer, Options.Create(options ?? new()));

    public async ValueTask InitializeAsync() => _secrets = await stores.SecretsOfAsync("redmond");

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    /// <summary>All that the attacker gets to see: the answer or the refusal.</summary>
    async Task<string> SeenAsync(string sql, QueryDatabase? database = null)
    {
        try
        {
            return JsonSerializer.Serialize(await (database ?? _database).RunAsync(Seattle, asEveryStore: false, sql, 1000, Cancellation), JsonSerializerOptions.Web);
        }
        catch (QueryRefusedException refused)
        {
            return refused.Message;
        }
    }

    public static TheoryData<string, string> Attacks
    {
        get
        {
            var attacks = new TheoryData<string, string>();
            foreach (var attack in FreeSqlAttacks.All)
                attacks.Add(attack.Class, attack.Name);
            return attacks;
        }
    }

    [Theory, MemberData(nameof(Attacks))]
    public async Task Nothing_is_learnt_by(string @class, string name)
    {
        var attack = FreeSqlAttacks.All.Single(a => a.Class == @class && a.Name == name);
        var seen = await SeenAsync(attack.Sql);
        Assert.DoesNotContain(_secrets, secret => seen.Contains(secret, StringComparison.Ordinal));
        Assert.DoesNotContain("LEARNED", seen);
        if (attack.Refused is not null)
            Assert.Contains(attack.Refused, seen);
        // Some oracles are an error that only a row of Redmond's could raise.
        if (attack.Class == "oracles" && attack.Name != "array subscript")
            Assert.DoesNotContain("SQLSTATE", seen);
        await AssertNothingIsLeftAsync();
    }

    async Task AssertNothingIsLeftAsync()
    {
        var login = QueryLogin.Of(stores.Database.Key, "seattle").Name;
        Assert.Equal(0L, await stores.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename = $1 AND a.datname = current_database() AND l.locktype = 'advisory'", login));
        Assert.Equal(0L, await stores.Database.ScalarAsync<long>("SELECT count(*) FROM pg_largeobject_metadata"));
        Assert.Equal("""{"columns":[{},{},{},{},{}],"rows":[["10s","retail, public","transaction_read_only",0,"0"]],"truncatedBy":null,"shortenedValues":0}""",
            await SeenAsync("""
                SELECT current_setting('statement_timeout'), current_setting('search_path'),
                       (SELECT string_agg(name, ' ') FROM pg_settings WHERE source = 'session'), (SELECT count(*) FROM pg_prepared_statements), pg_my_temp_schema()
                """));
    }

    public static TheoryData<string> Leavings =>
    [
        "SELECT pg_advisory_lock(42)",
        "SELECT pg_try_advisory_lock(42), 1 / 0",
        "SELECT pg_advisory_lock_shared(42), set_config('statement_timeout', '0', false), set_config('search_path', 'pg_temp', false)",
        "SELECT set_config('app.context', 'left behind', false)",
        "SELECT public.set_limit(0.01), set_config('plan_cache_mode', 'force_custom_plan', false)",
        "SELECT lo_create(424243)",
        "SELECT lo_from_bytea(0, 'left behind'), 1 / 0",
        "SELECT pg_notify('embedding_queue', 'left behind')",
        "SELECT pg_advisory_lock(g) FROM generate_series(1, 5000) g",
    ];

    [Theory, MemberData(nameof(Leavings))]
    public async Task Nothing_is_left_behind_by(string sql)
    {
        await SeenAsync(sql);
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task A_superuser_closes_what_only_one_can_and_all_goes_on_working()
    {
        await using var database = await template.CreateDatabaseAsync();
        Assert.True(await new DatabaseBootstrapper(database.AdministratorConnectionString).RunAsync(new Dictionary<string, string>(), Cancellation));
        await using var queries = new QueryDatabase(database.As(DatabaseRole.Application), database.Key, stores.Sealer, Options.Create(new QueryOptions()));
        foreach (var sql in (string[])
        [
            "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock(1, 2)", "SELECT pg_advisory_xact_lock_shared(1)", "SELECT * FROM pg_locks", "SELECT * FROM pg_lock_status()",
            "SELECT pg_notify('embedding_queue', 'x')", "SELECT lo_create(0)", "SELECT lo_from_bytea(0, 'x')", "SELECT lo_put(1, 0, 'x')", "SELECT pg_terminate_backend(pg_backend_pid())",
            "SELECT pg_cancel_backend(0)", "SELECT query_to_xml('SELECT 1', true, true, '')", "SELECT ts_stat('SELECT 1')", "SELECT pg_current_xact_id()", "SELECT pg_logical_emit_message(false, 'x', 'x')",
        ])
            Assert.Contains("permission denied", await SeenAsync(sql, queries));
        Assert.Contains("seattle", await SeenAsync("SELECT store_id FROM stores", queries));

        Assert.Equal(0, new DatabaseMigrator(database.ConnectionString(DatabaseRole.Seeder), NullLogger<DatabaseMigrator>.Instance).Run());
        await database.ExecuteAsync("UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = 'universal-sentence-encoder-lite'");
        await using var connection = await database.As(DatabaseRole.Application).OpenConnectionAsync(Cancellation);
        await connection.ExecuteAsync("BEGIN");
        await connection.ScalarAsync("SELECT retail.set_store_context($1)", stores.Seal(connection, StoreSet.Of("seattle")));
        // Queued, and the worker notified, by the trigger.
        await connection.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'NEW', 'New', 1)");
        await connection.ExecuteAsync("COMMIT");
        Assert.Equal(1L, await database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue"));
    }

    // A plan's cost is one bit for each query, and a bound of a histogram is a real key: with statistics, bisection finds it.
    [Fact]
    public async Task No_estimate_depends_on_what_another_store_has()
    {
        await stores.Database.ExecuteAsync("ANALYZE");
        await using var source = LoginSource("seattle");
        await using var connection = await source.OpenConnectionAsync(Cancellation);
        await connection.ExecuteAsync("BEGIN READ ONLY");
        await connection.ScalarAsync("SELECT retail.set_store_context($1)", stores.Seal(connection, StoreSet.Of("seattle")));
        var hidden = await stores.Database.ScalarAsync<string>("SELECT transaction_id::text FROM retail.sales_transactions WHERE store_id = 'redmond'");
        foreach (var (condition, right, wrong) in ((string, string, string)[])
        [
            ("store_id = '{0}'", "redmond", "nowhere"), ("store_id < '{0}'", "redmond", "qqq"), ("transaction_id = '{0}'", hidden, Guid.NewGuid().ToString()),
            ("transaction_id < '{0}'", hidden, Guid.Empty.ToString()), ("total_amount = {0}", "10.80", "99.99"), ("transaction_date > '{0}'", "2000-01-01", "2100-01-01"),
            ("payment_method = '{0}'", "cash", "qqq"), ("receipt_number = '{0}'", "R1", "R2"),
        ])
            Assert.Equal(
                (await connection.ReadAllAsync("EXPLAIN SELECT 1 FROM sales_transactions WHERE " + string.Format(condition, wrong))).Replace(wrong, "GUESS"),
                (await connection.ReadAllAsync("EXPLAIN SELECT 1 FROM sales_transactions WHERE " + string.Format(condition, right))).Replace(right, "GUESS"));
    }

    [Fact]
    public async Task Who_may_see_every_store_shares_no_login_with_a_store()
    {
        Assert.Contains(QueryLogin.Of(stores.Database.Key, QueryLogin.EveryStore).Name,
            JsonSerializer.Serialize((await _database.RunAsync(Seattle, asEveryStore: true, "SELECT session_user::text, store_id FROM stores", 10, Cancellation)).Rows));
        Assert.DoesNotContain("redmond", JsonSerializer.Serialize((await _database.RunAsync(Seattle, asEveryStore: true, "SELECT store_id FROM stores", 10, Cancellation)).Rows));
    }

    [Fact]
    public async Task What_is_long_wide_or_deep_is_bounded_too()
    {
        Assert.True((await SeenAsync("SELECT repeat('x', 1000000)::integer")).Length < 1_200);
        var nothing = string.Join(", ", Enumerable.Repeat("NULL", 1_600));
        var wide = await _database.RunAsync(Seattle, asEveryStore: false, $"SELECT {nothing} FROM generate_series(1, 1000)", 1000, Cancellation);
        Assert.Equal(("size", 15), (wide.TruncatedBy, wide.Rows.Count));
        var deep = "SELECT 1 AS x" + string.Concat(Enumerable.Range(0, 70).Select(i => $" UNION ALL SELECT x FROM (SELECT {i} AS x FROM products LIMIT 1) q{i}"));
        Assert.Equal(71, (await _database.RunAsync(Seattle, asEveryStore: false, deep, 1000, Cancellation)).Rows.Count);
        var nested = Enumerable.Range(0, 80).Aggregate("SELECT price FROM products", (inner, i) => $"SELECT max(price) AS price FROM ({inner} LIMIT 5) q{i}");
        Assert.Single((await _database.RunAsync(Seattle, asEveryStore: false, nested, 1000, Cancellation)).Rows);
    }

    [Fact]
    public async Task What_is_ones_own_is_there()
    {
        Assert.Contains("SECRET-seattle", await SeenAsync("SELECT sku FROM products"));
        Assert.Contains("\"A. O.\"", await SeenAsync("SELECT name FROM customers_masked"));
        Assert.Contains("""[["seattle",1,10.80]]""", await SeenAsync("SELECT store_id, count(*), sum(total_amount) FROM sales_transactions GROUP BY 1"));
    }

    // Each login with each context: what is seen is what both allow.
    [Theory]
    [InlineData("seattle", "seattle", "seattle")]
    [InlineData("redmond", "seattle", "")]
    [InlineData("seattle", "redmond", "")]
    [InlineData("seattle", "*", "seattle")]
    [InlineData("*", "seattle", "seattle")]
    [InlineData("*", "*", "redmond seattle")]
    [InlineData("seattle", null, "")]
    [InlineData("*", null, "")]
    public async Task A_login_and_a_context_that_differ_show_what_both_allow(string login, string? context, string expected)
    {
        await using var source = LoginSource(login);
        await using var connection = await source.OpenConnectionAsync(Cancellation);
        await connection.ExecuteAsync("BEGIN READ ONLY");
        if (context is not null)
            await connection.ScalarAsync("SELECT retail.set_store_context($1)", stores.Seal(connection, context == "*" ? StoreSet.Every : StoreSet.Of(context)));
        Assert.Equal(expected, await connection.ScalarAsync("SELECT coalesce(string_agg(DISTINCT store_id, ' ' ORDER BY store_id), '') FROM retail.products"));
    }

    NpgsqlDataSource LoginSource(string store)
    {
        var login = QueryLogin.Of(stores.Database.Key, store);
        return NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(stores.Database.ConnectionString(DatabaseRole.Application))
        {
            Username = login.Name,
            Password = login.Password,
            Pooling = false,
        });
    }

    [Fact]
    public async Task A_login_of_a_key_that_is_gone_sees_nothing()
    {
        var key = new ContextKey("retired", new byte[32]);
        var login = QueryLogin.Of(stores.Database.Key, "bellevue");
        await stores.Database.ExecuteAsync("SELECT retail.install_context_key($1, $2)", key.Id, key.Secret);
        await stores.Database.ExecuteAsync("SELECT retail.install_query_login($1::text::name, $2, 'seattle')", login.Name, key.Id);
        async Task<object?> VisibleAsync()
        {
            await using var source = LoginSource("bellevue");
            await using var connection = await source.OpenConnectionAsync(Cancellation);
            await connection.ExecuteAsync("BEGIN READ ONLY");
            await connection.ScalarAsync("SELECT retail.set_store_context($1)", stores.Seal(connection, StoreSet.Of("seattle")));
            return await connection.ScalarAsync("SELECT count(*) FROM retail.products");
        }
        Assert.Equal(1L, await VisibleAsync());
        await stores.Database.ExecuteAsync("DELETE FROM retail.context_keys WHERE key_id = $1", key.Id);
        Assert.Equal(0L, await VisibleAsync());
    }

    [Fact]
    public async Task Rows_and_size_are_bounded_and_the_answer_says_exactly_whether_it_is_whole()
    {
        foreach (var (count, limit, truncated) in ((int, int, bool)[])[(5, 5, false), (6, 5, true), (0, 5, false), (1000, 1000, false), (1001, 1000, true)])
        {
            var answer = await _database.RunAsync(Seattle, asEveryStore: false, $"SELECT g FROM generate_series(1, {count}) g", limit, Cancellation);
            Assert.Equal(Math.Min(count, limit), answer.Rows.Count);
            Assert.Equal(truncated ? "rows" : null, answer.TruncatedBy);
        }

        var wide = await _database.RunAsync(Seattle, asEveryStore: false, "SELECT repeat('x', 3000) FROM generate_series(1, 1000)", 1000, Cancellation);
        Assert.Equal(("size", 33), (wide.TruncatedBy, wide.Rows.Count));

        var huge = await _database.RunAsync(Seattle, asEveryStore: false, "SELECT repeat('x', 100000000), 'next'", 10, Cancellation);
        Assert.Equal((1, null), (huge.ShortenedValues, huge.TruncatedBy));
        Assert.Equal(4001, Assert.IsType<string>(huge.Rows[0][0]).Length);
        Assert.Equal("next", huge.Rows[0][1]);
        // The connection is as good as new.
        Assert.Equal(1L, (await _database.RunAsync(Seattle, asEveryStore: false, "SELECT 1", 1, Cancellation)).Rows[0][0]);
    }

    [Fact]
    public async Task Values_come_as_numbers_truth_values_and_ISO_texts()
    {
        var answer = await _database.RunAsync(Seattle, asEveryStore: false, """
            SELECT 1::smallint, 2::bigint, 12345.60::numeric(10,2), 'NaN'::numeric, 1.5::float8, 'Infinity'::float8, TRUE, NULL, 'text', DATE '2026-01-31',
                   TIMESTAMPTZ '2026-01-31 10:00:00-08', ARRAY[1, 2], '{"a": 1}'::jsonb, array_fill(1::real, ARRAY[512])::vector, '[1,2]'::halfvec,
                   '00000000-0000-0000-0000-000000000001'::uuid, 10::numeric ^ 40
            """, 1, Cancellation);
        Assert.Equal(
            [1L, 2L, 12345.60m, "NaN", 1.5, "Infinity", true, null, "text", "2026-01-31", "2026-01-31T18:00:00Z", "{1,2}", """{"a": 1}""", "[1,1,1,… 512 numbers]", "[1,2]",
             "00000000-0000-0000-0000-000000000001", answer.Rows[0][16]],
            answer.Rows[0]);
        Assert.Equal("12345.60", ((decimal)answer.Rows[0][2]!).ToString(CultureInfo.InvariantCulture));
        Assert.StartsWith("1000000000000000000000000000000000000000", Assert.IsType<string>(answer.Rows[0][16]));
    }

    [Theory]
    [InlineData("SELECT\n  nonsense FROM products", "sql: line 2, column 3: column \"nonsense\" does not exist. get_multiple_table_schemas describes the tables. (SQLSTATE 42703)")]
    [InlineData("SELEC 1", "sql: line 1, column 1: syntax error at or near \"SELEC\". Allowed: one statement, which is a query (SELECT, VALUES or WITH). (SQLSTATE 42601)")]
    [InlineData("SELECT * FROM nowhere", "sql: line 1, column 15: relation \"nowhere\" does not exist. get_multiple_table_schemas describes the tables. (SQLSTATE 42P01)")]
    [InlineData("SELECT lowr('A')", "sql: line 1, column 8: function lowr(unknown) does not exist Hint: No function matches the given name and argument types. You might need to add explicit type casts. (SQLSTATE 42883)")]
    [InlineData("SELECT 1 / 0", "sql: division by zero (SQLSTATE 22012)")]
    public async Task A_wrong_query_is_told_where_and_what(string sql, string said) => Assert.Equal(said, await SeenAsync(sql));

    [Fact]
    public async Task A_query_that_is_too_dear_is_refused_before_it_runs_and_one_that_runs_too_long_is_stopped()
    {
        await using var strict = Create(stores, new() { MaximumCost = 1_000 });
        var refused = await SeenAsync("SELECT count(*) FROM generate_series(1, 1000) a, generate_series(1, 1000) b", strict);
        Assert.StartsWith("The query would read too much", refused);
        // An estimate is made from the size of tables that all stores share.
        Assert.DoesNotContain(refused, char.IsDigit);
        Assert.StartsWith("sql: The query was stopped, because it ran longer than 10 seconds", await SeenAsync("SELECT pg_sleep(60)"));
        Assert.StartsWith("sql: The query was stopped, because it ran longer than 10 seconds", await SeenAsync("SELECT set_config('statement_timeout', '0', false), pg_sleep(60)"));
    }

    [Fact]
    public async Task A_cancelled_query_stops_in_PostgreSQL()
    {
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _database.RunAsync(Seattle, asEveryStore: false, "SELECT pg_sleep(9)", 1, cancel.Token));
        await Eventually.EqualAsync(0L, () => stores.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(9)%' AND pid <> pg_backend_pid()"));
        await AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task More_queries_than_may_run_at_once_are_told_to_wait()
    {
        await using var narrow = Create(stores, new() { Concurrency = 1 });
        await narrow.RunAsync(Seattle, asEveryStore: false, "SELECT 1", 1, Cancellation);
        var first = narrow.RunAsync(Seattle, asEveryStore: false, "SELECT pg_sleep(7)", 1, Cancellation);
        await Task.Delay(200, Cancellation);
        Assert.StartsWith("Too many queries of this store", await SeenAsync("SELECT 1", narrow));
        await first;
    }

    // Were the design broken in one of these ways, attacks of the list above would learn something.
    [Theory]
    [InlineData("a table without row-level security", "ALTER TABLE retail.products DISABLE ROW LEVEL SECURITY", "ALTER TABLE retail.products ENABLE ROW LEVEL SECURITY")]
    [InlineData("a policy that lets everything through", "CREATE POLICY hole ON retail.products FOR SELECT TO zava_query USING (true)", "DROP POLICY hole ON retail.products")]
    [InlineData("a policy on a setting", "CREATE POLICY hole ON retail.products FOR SELECT TO zava_query USING (store_id = current_setting('app.current_store_id', true))", "DROP POLICY hole ON retail.products")]
    [InlineData("a view that runs as its owner", "ALTER TABLE retail.customers NO FORCE ROW LEVEL SECURITY; ALTER VIEW retail.customers_masked SET (security_invoker = false)",
        "ALTER TABLE retail.customers FORCE ROW LEVEL SECURITY; ALTER VIEW retail.customers_masked SET (security_invoker = true)")]
    [InlineData("a right to the audit log", "GRANT SELECT ON retail.audit_log TO zava_query; CREATE POLICY hole ON retail.audit_log FOR SELECT TO zava_query USING (true)",
        "REVOKE SELECT ON retail.audit_log FROM zava_query; DROP POLICY hole ON retail.audit_log")]
    [InlineData("a search that runs as its definer",
        "CREATE FUNCTION retail.hole() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT sku::text FROM retail.products'; GRANT EXECUTE ON FUNCTION retail.hole() TO zava_query",
        "DROP FUNCTION retail.hole()", "SELECT * FROM retail.hole()")]
    public async Task A_hole_is_found(string hole, string open, string close, string? attack = null)
    {
        await stores.Database.ExecuteAsync(open);
        try
        {
            var learnt = 0;
            foreach (var sql in attack is null ? FreeSqlAttacks.All.Where(a => a.Class is "reads" or "settings" or "catalog" or "personal").Select(a => a.Sql) : [attack])
            {
                var seen = await SeenAsync(sql);
                learnt += _secrets.Any(secret => seen.Contains(secret, StringComparison.Ordinal)) ? 1 : 0;
            }
            Assert.True(learnt > 0, $"{hole} goes unnoticed");
        }
        finally
        {
            await stores.Database.ExecuteAsync(close);
        }
    }
}
