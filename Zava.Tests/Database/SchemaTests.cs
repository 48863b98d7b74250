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
    public async Task Every_policy_of_the_application_asks_first_for_the_context_and_wraps_it_in_a_sub_select() =>
        Assert.Equal("", await ListAsync("""
            SELECT policyname FROM pg_policies
             WHERE schemaname = 'retail' AND 'mcp_user' = ANY (roles)
               AND (qual !~ '^\(\(\( SELECT retail\.current_store_map\(\).* AND .*\( SELECT retail\.current_store_ids\(\)' OR (cmd = 'ALL' AND with_check IS DISTINCT FROM qual))
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
                    OR NOT EXISTS (SELECT FROM unnest(p.proconfig) setting WHERE setting LIKE 'search_path=%'))
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
    public async Task Passwords_are_stored_as_verifiers_that_admit_and_change()
    {
        Assert.StartsWith("SCRAM-SHA-256$", await _database.ScalarAsync<string>("SELECT rolpassword FROM pg_authid WHERE rolname = 'mcp_user'"));
        await using var wrong = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString("mcp_user")) { Password = "wrong" });
        var refused = await Assert.ThrowsAsync<PostgresException>(() => wrong.OpenConnectionAsync(TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task Serving_processes_refuse_logins_that_row_level_security_does_not_bind()
    {
        await RoleSafety.VerifyAsync(_database.As(DatabaseRole.Application), TestContext.Current.CancellationToken);
        await RoleSafety.VerifyAsync(_database.As(DatabaseRole.Worker), TestContext.Current.CancellationToken);
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
