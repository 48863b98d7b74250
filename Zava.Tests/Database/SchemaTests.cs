using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Database;

/// <summary>Rules that hold for every table and function, those of later migrations included.</summary>
public sealed class SchemaTests(DatabaseTemplate template) : IAsyncLifetime
{
    TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await template.CreateDatabaseAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Every_table_with_a_store_has_forced_row_level_security() =>
        Assert.Equal("", await ListAsync("""
            SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'store_id'
             WHERE c.relnamespace = 'retail'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
            """));

    [Fact]
    public async Task No_column_that_stores_share_has_statistics()
    {
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) SELECT 'seattle', g::text, 'x', g FROM generate_series(1, 200) g");
        await _database.ExecuteAsync("ANALYZE");
        Assert.Equal("", await ListAsync("""
            SELECT DISTINCT c.relname || '.' || a.attname FROM pg_statistic s JOIN pg_class c ON c.oid = s.starelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = s.staattnum
             WHERE c.relnamespace = 'retail'::regnamespace AND (c.relrowsecurity OR c.relkind = 'i' AND (SELECT t.relrowsecurity FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid WHERE i.indexrelid = c.oid))
            """));
    }

    [Fact]
    public async Task Every_policy_of_the_application_asks_first_for_the_context_and_wraps_it_in_a_sub_select() =>
        Assert.Equal("", await ListAsync("""
            SELECT policyname FROM pg_policies
             WHERE schemaname = 'retail' AND 'mcp_user' = ANY (roles)
               AND (qual !~ '^\(+ SELECT current_context\.store_map\s+FROM retail\.current_context\)\)\[\(?store_id\)?::text\] IS NOT NULL\)$' OR (cmd = 'ALL' AND with_check IS DISTINCT FROM qual))
            """));

    [Fact]
    public async Task Every_policy_of_free_SQL_asks_first_for_login_and_context_and_wraps_them_in_a_sub_select() =>
        Assert.Equal("", await ListAsync("""
            SELECT policyname FROM pg_policies
             WHERE schemaname = 'retail' AND 'zava_query' = ANY (roles)
               AND (cmd <> 'SELECT' OR qual !~ '^\(+ SELECT retail\.query_store_map\(\).* AND .*\( SELECT retail\.query_store_ids\(\)')
            """));

    [Fact]
    public async Task Every_key_that_the_application_could_probe_leads_with_the_store() =>
        Assert.Equal("", await ListAsync("""
            SELECT i.indexrelid::regclass::text
              FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
             WHERE c.relnamespace = 'retail'::regnamespace AND i.indisunique
               AND has_table_privilege('mcp_user', c.oid, 'INSERT')
               AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0] AND a.attname = 'store_id')
            """));

    [Fact]
    public async Task No_function_is_executable_by_everyone_and_every_definer_pins_its_search_path() =>
        Assert.Equal("", await ListAsync("""
            SELECT p.proname FROM pg_proc p
             WHERE p.pronamespace = 'retail'::regnamespace
               AND (EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0)
                    OR (NOT EXISTS (SELECT FROM unnest(p.proconfig) setting WHERE setting LIKE 'search_path=%')
                        -- A body that was parsed when the function was made looks nothing up by name.
                        AND (p.prosqlbody IS NULL OR p.prosecdef)))
            """));

    [Fact]
    public async Task Nothing_is_granted_to_everyone_and_no_default_privileges_exist()
    {
        Assert.Equal("", await ListAsync("""
            SELECT c.relname FROM pg_class c, aclexplode(c.relacl) grant_
             WHERE c.relnamespace = 'retail'::regnamespace AND grant_.grantee = 0
            """));
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT count(*) FROM pg_default_acl"));
    }

    [Fact]
    public async Task No_login_is_superuser_or_bypasses_row_level_security_and_no_owner_logs_in() =>
        Assert.Equal("", await ListAsync("""
            SELECT rolname FROM pg_roles
             WHERE rolname IN ('mcp_user', 'zava_worker', 'zava_seeder', 'zava_maintenance', 'zava_backup', 'zava_ops', 'zava_owner', 'zava_keeper', 'zava_audit')
               AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolinherit
                    OR rolcanlogin = (rolname IN ('zava_owner', 'zava_keeper', 'zava_audit')))
            """));

    [Fact]
    public async Task Stores_and_top_level_categories_are_those_of_the_design()
    {
        Assert.Equal("bellevue online redmond seattle", await ListAsync("SELECT store_id FROM retail.stores ORDER BY 1"));
        Assert.Equal(7L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.product_categories WHERE parent_category_id IS NULL"));
    }

    [Fact]
    public void Migrating_again_changes_nothing() =>
        Assert.Equal(0, new DatabaseMigrator(_database.ConnectionString(DatabaseRole.Seeder), NullLogger<DatabaseMigrator>.Instance).Run());

    [Fact]
    public async Task A_password_travels_as_a_verifier_that_admits_it_and_no_other()
    {
        var verifier = ScramVerifier.Create("right ~!'\"$");
        Assert.DoesNotContain("right", verifier);
        await _database.ExecuteAsync($"CREATE ROLE zava_test_scram LOGIN PASSWORD '{verifier}'; GRANT CONNECT ON DATABASE {await _database.ScalarAsync<string>("SELECT current_database()")} TO zava_test_scram");
        try
        {
            // Stored as it was sent, not hashed once more as a password would be.
            Assert.Equal(verifier, await _database.ScalarAsync<string>("SELECT rolpassword FROM pg_authid WHERE rolname = 'zava_test_scram'"));
            await using (var right = await Connect("right ~!'\"$").OpenConnectionAsync(TestContext.Current.CancellationToken))
                Assert.Equal("zava_test_scram", await right.ScalarAsync("SELECT session_user::text"));
            var refused = await Assert.ThrowsAsync<PostgresException>(() => Connect("wrong").OpenConnectionAsync(TestContext.Current.CancellationToken).AsTask());
            Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
        }
        finally
        {
            await _database.ExecuteAsync("DROP OWNED BY zava_test_scram; DROP ROLE zava_test_scram");
        }

        NpgsqlDataSource Connect(string password) => NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(_database.AdministratorConnectionString) { Username = "zava_test_scram", Password = password, Pooling = false });
    }

    [Theory]
    [InlineData("stores", "store_id", "UPDATE retail.stores SET region = 'x' WHERE store_id = 'seattle'", "UPDATE")]
    [InlineData("customers", "customer_id", "INSERT INTO retail.customers (store_id, first_name, last_name, email) VALUES ('seattle', 'A', 'B', 'a@example.com')", "INSERT")]
    [InlineData("products", "product_id", "INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'A', 'A', 1)", "INSERT")]
    [InlineData("products", "product_id", "DELETE FROM retail.products", "DELETE")]
    [InlineData("sales_transactions", "transaction_id", "INSERT INTO retail.sales_transactions (store_id, subtotal, total_amount) VALUES ('seattle', 1, 1)", "INSERT")]
    [InlineData("sales_transaction_items", "item_id", """
        WITH p AS (INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'B', 'B', 1) RETURNING product_id),
             t AS (INSERT INTO retail.sales_transactions (store_id, subtotal, total_amount) VALUES ('seattle', 1, 1) RETURNING transaction_id)
        INSERT INTO retail.sales_transaction_items (store_id, transaction_id, product_id, unit_price, total_price) SELECT 'seattle', transaction_id, product_id, 1, 1 FROM p, t
        """, "INSERT")]
    public async Task Every_audited_table_records_its_changes(string table, string key, string change, string action)
    {
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'EXISTING', 'A', 1)");
        await _database.ExecuteAsync(change);
        var entry = await _database.ScalarAsync<string>("""
            SELECT concat_ws(' ', store_id, coalesce(new_values, old_values) ->> $3 = coalesce(record_id::text, metadata -> 'key' ->> $3),
                             old_values IS NOT NULL, new_values IS NOT NULL)
              FROM retail.audit_log WHERE table_name = $1 AND action = $2 ORDER BY created_at DESC LIMIT 1
            """, table, action, key);
        Assert.Equal(action switch { "INSERT" => "seattle t f t", "DELETE" => "seattle t t f", _ => "seattle t t t" }, entry);
    }

    [Fact]
    public async Task Serving_processes_refuse_logins_that_row_level_security_does_not_bind()
    {
        await RoleSafety.VerifyAsync(_database.As(DatabaseRole.Application), TestContext.Current.CancellationToken);
        await RoleSafety.VerifyAsync(_database.As(DatabaseRole.Worker), TestContext.Current.CancellationToken);
        await RoleSafety.VerifyAsync(_database.As(DatabaseRole.Operator), TestContext.Current.CancellationToken);
        await AssertRefused(_database.As(null), "is a superuser");
        await AssertRefused(_database.As(DatabaseRole.Seeder), "zava_owner");
        await AssertRefused(_database.As("zava_maintenance"), "zava_owner");

        await AssertRefused(_database.As("zava_backup"), "zava_backup");
        foreach (var attribute in (string[])["BYPASSRLS", "CREATEROLE", "REPLICATION"])
            try
            {
                await _database.ExecuteAsync($"ALTER ROLE zava_ops {attribute}");
                await AssertRefused(_database.As("zava_ops"), attribute);
            }
            finally
            {
                await _database.ExecuteAsync($"ALTER ROLE zava_ops NO{attribute}");
            }

        static async Task AssertRefused(NpgsqlDataSource source, string reason) => Assert.Contains(reason,
            (await Assert.ThrowsAsync<DatabaseSetupException>(() => RoleSafety.VerifyAsync(source, TestContext.Current.CancellationToken))).Message);
    }

    [Theory]
    [InlineData("INSERT INTO retail.sales_transactions (store_id, subtotal, tax_amount, total_amount) VALUES ('seattle', 10, 0.80, 10.81)", "total_is_subtotal_plus_tax")]
    [InlineData("INSERT INTO retail.sales_transactions (store_id, transaction_type, subtotal, total_amount) VALUES ('seattle', 'return', 10, 10)", "sign_follows_type")]
    [InlineData("INSERT INTO retail.sales_transactions (store_id, transaction_type, subtotal, total_amount) VALUES ('seattle', 'gift', 0, 0)", "known_transaction_type")]
    [InlineData("INSERT INTO retail.stores (store_id, store_name) VALUES ('a|b', 'x')", "store_id_format")]
    public async Task Wrong_rows_are_refused_by_name(string sql, string constraint) =>
        Assert.Equal(constraint, (await Assert.ThrowsAsync<PostgresException>(() => _database.ExecuteAsync(sql))).ConstraintName);

    [Fact]
    public async Task Updated_at_follows_every_update()
    {
        await _database.ExecuteAsync("UPDATE retail.stores SET updated_at = '2000-01-01', region = region");
        Assert.Equal(4L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.stores WHERE updated_at > now() - interval '1 minute'"));
    }

    async Task<string> ListAsync(string sql)
    {
        await using var connection = await _database.As(null).OpenConnectionAsync(TestContext.Current.CancellationToken);
        return (await connection.ReadAllAsync(sql)).TrimEnd();
    }
}
