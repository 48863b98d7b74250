using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>What a caller of Seattle learns of Redmond when the SQL is the attacker's own: nothing.</summary>
public sealed class StoreIsolationTests(TwoStores stores) : IClassFixture<TwoStores>
{
    static readonly StoreSet Seattle = StoreSet.Of("seattle");

    public static TheoryData<string> TenantTables =>
        ["stores", "customers", "products", "sales_transactions", "sales_transaction_items", "product_embeddings", "audit_log"];

    [Theory, MemberData(nameof(TenantTables))]
    public async Task A_store_reads_its_own_rows_and_no_others(string table)
    {
        await using var connection = await stores.OpenAsync(Seattle);
        Assert.Equal("seattle ", await connection.ReadAllAsync($"SELECT DISTINCT store_id FROM retail.{table}"));
    }

    [Theory, MemberData(nameof(TenantTables))]
    public async Task Without_a_context_no_row_is_read(string table)
    {
        await using var connection = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0L, await connection.ScalarAsync($"SELECT count(*) FROM retail.{table}"));
    }

    [Fact]
    public async Task A_caller_of_two_stores_reads_both_and_every_store_is_only_by_claim()
    {
        await using var two = await stores.OpenAsync(StoreSet.Of("seattle", "redmond"));
        Assert.Equal(2L, await two.ScalarAsync("SELECT count(*) FROM retail.stores"));
        await using var every = await stores.OpenAsync(StoreSet.Every);
        Assert.Equal(4L, await every.ScalarAsync("SELECT count(*) FROM retail.stores"));
    }

    /// <summary>Legal SQL that tries to read past the context. {0} is a context of Redmond made for another connection.</summary>
    public static TheoryData<string> HostileReads =>
    [
        "SELECT s.* FROM retail.products s",
        "SELECT c.x, p.product_name FROM (SELECT set_config('app.current_store_id', 'redmond', true) x) c, LATERAL (SELECT * FROM retail.products) p",
        "SELECT set_config('app.context', replace(current_setting('app.context'), 'seattle', 'redmond'), true); SELECT * FROM retail.products",
        "SELECT set_config('app.context', replace(current_setting('app.context'), 'seattle', '*'), true); SELECT * FROM retail.products",
        "SELECT set_config('app.context', '{0}', true); SELECT * FROM retail.products",
        "SET app.context = '1|test|99999999999|1|redmond|YQ==|YQ==||00'; SELECT * FROM retail.products",
        "SELECT retail.set_store_context('redmond'); SELECT * FROM retail.products",
        "SELECT retail.set_store_context('{0}'); SELECT * FROM retail.products",
        "SELECT set_config('role', 'zava_owner', true); SELECT * FROM retail.products",
        "SELECT set_config('role', 'zava_worker', true); SELECT * FROM retail.products",
        "SET SESSION AUTHORIZATION zava_worker; SELECT * FROM retail.products",
        "SELECT set_config('row_security', 'off', true); SELECT * FROM retail.products",
        "DO $x$ BEGIN PERFORM set_config('app.context', '{0}', true); END $x$; SELECT * FROM retail.products",
        "SELECT secret FROM retail.context_keys",
        "SELECT retail.install_context_key('mine', decode(repeat('00', 32), 'hex'))",
        "SELECT set_config('app.context', '{0}', true); SELECT * FROM retail.current_context",
        "SELECT secret FROM retail.current_context",
        "SELECT c, to_jsonb(c) FROM retail.current_context c WHERE c::text::int > 0",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM retail.current_context",
        "CREATE OR REPLACE VIEW retail.current_context AS SELECT jsonb_build_object('redmond', '') AS store_map; SELECT * FROM retail.products",
        "SELECT * FROM retail.search_products_by_similarity(array_fill(1::real, ARRAY[512])::vector::halfvec, NULL, 20, ARRAY['redmond'])",
        "SELECT * FROM retail.search_products_by_similarity(array_fill(1::real, ARRAY[512])::vector::halfvec, -1, 1000000)",
        "SELECT * FROM pg_stats WHERE schemaname = 'retail'",
        "CREATE TEMP TABLE grab AS SELECT * FROM retail.products; SELECT * FROM grab",
        "COPY (SELECT * FROM retail.products) TO PROGRAM 'cat'",
    ];

    [Theory, MemberData(nameof(HostileReads))]
    public async Task Hostile_SQL_learns_nothing_of_another_store(string sql)
    {
        await using var elsewhere = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        var stolen = stores.Seal(elsewhere, StoreSet.Of("redmond"));
        await using var connection = await stores.OpenAsync(Seattle);

        string learned;
        try
        {
            learned = await connection.ReadAllAsync(sql.Replace("{0}", stolen));
        }
        catch (PostgresException refused)
        {
            learned = $"{refused.MessageText} {refused.Detail} {refused.Hint}";
        }
        Assert.DoesNotContain("Secret of redmond", learned);
        Assert.DoesNotContain("SECRET-redmond", learned);
    }

    [Fact]
    public async Task A_row_of_another_store_cannot_be_written_moved_or_removed()
    {
        await using var connection = await stores.OpenAsync(Seattle);
        await connection.ExecuteAsync("SAVEPOINT before");
        await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync(
            "INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('redmond', 'X', 'X', 1)"));
        await connection.ExecuteAsync("ROLLBACK TO before");
        Assert.Equal(0, await connection.ExecuteAsync("UPDATE retail.products SET price = 0 WHERE store_id = 'redmond'"));
        Assert.Equal(0, await connection.ExecuteAsync("DELETE FROM retail.customers WHERE store_id = 'redmond'"));
        await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync("UPDATE retail.products SET store_id = 'redmond'"));
    }

    [Fact]
    public async Task Keys_of_another_store_are_no_oracle()
    {
        var product = await stores.Database.ScalarAsync<Guid>("SELECT product_id FROM retail.products WHERE store_id = 'redmond'");
        await using var connection = await stores.OpenAsync(Seattle);
        // The same e-mail, SKU and ids exist in Redmond; Seattle may have them too and is not told.
        Assert.Equal(1, await connection.ExecuteAsync(
            "INSERT INTO retail.customers (store_id, first_name, last_name, email) VALUES ('seattle', 'A', 'B', 'redmond@example.com')"));
        Assert.Equal(1, await connection.ExecuteAsync(
            "INSERT INTO retail.products (store_id, product_id, sku, product_name, price) VALUES ('seattle', $1, 'SECRET-redmond', 'X', 1)", product));

        async Task<string> RefusalOf(Guid id)
        {
            await connection.ExecuteAsync("SAVEPOINT attempt");
            var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync("""
                INSERT INTO retail.sales_transaction_items (store_id, transaction_id, product_id, quantity, unit_price, total_price)
                SELECT 'seattle', transaction_id, $1, 1, 1, 1 FROM retail.sales_transactions
                """, id));
            await connection.ExecuteAsync("ROLLBACK TO attempt");
            return $"{refused.SqlState} {refused.Detail}".Replace(id.ToString(), "ID");
        }
        await connection.ExecuteAsync("DELETE FROM retail.products WHERE sku = 'SECRET-redmond'");
        Assert.Equal(await RefusalOf(Guid.NewGuid()), await RefusalOf(product));
    }

    [Fact]
    public async Task The_context_ends_with_its_transaction_and_stays_out_of_the_pool()
    {
        await using (var connection = await stores.OpenAsync(Seattle))
            await connection.ExecuteAsync("COMMIT");
        await using var next = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0L, await next.ScalarAsync("SELECT count(*) FROM retail.products"));

        var tenant = new TenantDatabase(stores.Database.As(DatabaseRole.Application), stores.Sealer);
        var seen = await tenant.QueryAsync(new(Seattle, "user", "test"), new("SELECT store_id FROM retail.products"),
            reader => reader.GetString(0), TestContext.Current.CancellationToken);
        Assert.Equal(["seattle"], seen);
        await using var after = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0L, await after.ScalarAsync("SELECT count(*) FROM retail.products"));
    }

    [Fact]
    public async Task A_read_only_query_cannot_write_even_in_its_own_store()
    {
        var tenant = new TenantDatabase(stores.Database.As(DatabaseRole.Application), stores.Sealer);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => tenant.QueryAsync(
            new(Seattle, "user", "test"), new("UPDATE retail.products SET price = 0 RETURNING sku"),
            reader => reader.GetString(0), TestContext.Current.CancellationToken));
        Assert.Equal(PostgresErrorCodes.ReadOnlySqlTransaction, refused.SqlState);
    }

    [Fact]
    public async Task A_planted_embedding_does_not_reach_another_store()
    {
        await using var connection = await stores.OpenAsync(Seattle);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync(
            "INSERT INTO retail.product_embeddings (store_id, product_id, embedding_text, embedding, embedding_model) " +
            "SELECT 'seattle', gen_random_uuid(), 'x', array_fill(1::real, ARRAY[512])::vector::halfvec, 'universal-sentence-encoder-lite'"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Theory]
    [InlineData("UPDATE retail.stores SET store_name = 'x'")]
    [InlineData("INSERT INTO retail.product_categories (category_name) VALUES ('x')")]
    [InlineData("UPDATE retail.embedding_models SET state = 'inactive'")]
    [InlineData("INSERT INTO retail.audit_log (table_name, action) VALUES ('x', 'x')")]
    [InlineData("DELETE FROM retail.audit_log")]
    [InlineData("SELECT retail.record_audit('x', 'x', 'redmond', NULL)")]
    [InlineData("CREATE TABLE retail.mine (x int)")]
    [InlineData("CREATE TABLE public.mine (x int)")]
    [InlineData("CREATE TEMP TABLE mine (x int)")]
    [InlineData("ALTER TABLE retail.products DISABLE ROW LEVEL SECURITY")]
    [InlineData("CREATE FUNCTION retail.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")]
    public async Task What_is_not_granted_is_refused(string sql)
    {
        await using var connection = await stores.OpenAsync(Seattle);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync(sql));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }
}
