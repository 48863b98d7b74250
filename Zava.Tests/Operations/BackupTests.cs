using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Zava.Database;
using Zava.Seeder;
using Zava.Tests.Infrastructure;
using Zava.Tests.Seeding;

namespace Zava.Tests.Operations;

/// <summary>Backup, disaster, restore: what comes back is what was there, and a bad backup touches nothing.</summary>
public sealed class BackupTests(DatabaseTemplate template) : IAsyncLifetime
{
    const string Password = "customers' data";

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("zava-test-backup-");
    TestDatabase _database = null!;
    BackupScripts _scripts = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await template.CreateDatabaseAsync();
        _scripts = new(_database, _folder);
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    // Everything that is not a row: policies, triggers, rights, owners, settings of functions and tables. PostgreSQL writes the
    // casts of a list anew when it reads it a second time.
    const string Structure = """
        SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
            SELECT concat_ws(' ', 'table', c.oid::regclass, c.relkind, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
                             (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(c.relacl) a)) FROM pg_class c WHERE relnamespace = 'retail'::regnamespace
            UNION ALL SELECT concat_ws(' ', 'column', attrelid::regclass, attname, atttypid::regtype, atttypmod, attnotnull, attstattarget, attstorage, attgenerated, attidentity,
                                       (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(attacl) a))
              FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'retail'::regnamespace) AND attnum > 0 AND NOT attisdropped
            UNION ALL SELECT concat_ws(' ', 'policy', tablename, policyname, permissive, roles, cmd, qual, with_check) FROM pg_policies WHERE schemaname = 'retail'
            UNION ALL SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, regexp_replace(pg_get_constraintdef(oid), '[()]|::(text|character varying)|\[\]', '', 'g'), convalidated) FROM pg_constraint WHERE connamespace = 'retail'::regnamespace
            UNION ALL SELECT concat_ws(' ', 'function', pg_get_functiondef(oid), proowner::regrole, (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(proacl) a))
              FROM pg_proc WHERE pronamespace = 'retail'::regnamespace
            UNION ALL SELECT concat_ws(' ', 'schema', nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname = 'retail'
            UNION ALL SELECT concat_ws(' ', 'database', (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(datacl) a WHERE a::text !~ '^postgres=')) FROM pg_database WHERE datname = current_database()
            UNION ALL SELECT concat_ws(' ', 'sequence', sequencename, last_value, start_value, increment_by) FROM pg_sequences WHERE schemaname = 'retail'
        ) AS lines (line)
        """;

    // Every table but those that hold keys; in full, not as a sum.
    async Task<string> RowsAsync()
    {
        var tables = (await _database.ScalarAsync<string>("""
            SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
             WHERE relnamespace = 'retail'::regnamespace AND relkind = 'r' AND relname NOT IN ('context_keys', 'query_logins')
            """)).Split(' ');
        var rows = new List<string>();
        foreach (var table in tables)
            rows.Add($"{table} {await _database.ScalarAsync<string>($"SELECT concat_ws(' ', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text))) FROM retail.{table} t")}");
        return string.Join('\n', rows);
    }

    [Fact]
    public async Task A_shop_that_was_destroyed_comes_back_whole_and_isolated()
    {
        await SampleDatabase.LoadAsync(_database, new SeedOptions(1, 7, new DateOnly(2026, 3, 31)));
        await _database.ExecuteAsync("UPDATE retail.products SET price = price + 1 WHERE sku = (SELECT min(sku) FROM retail.products)");
        await _database.ExecuteAsync("""
            INSERT INTO retail.product_embeddings (store_id, product_id, embedding_text, embedding, embedding_model)
            SELECT store_id, product_id, product_name, array_fill(1::real, ARRAY[512])::vector::halfvec, 'universal-sentence-encoder-lite' FROM retail.products LIMIT 50
            """);
        await using (var seal = _database.As("zava_ops").CreateCommand("SELECT retail.seal_audit_log()"))
            await seal.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var (rows, structure) = (await RowsAsync(), await _database.ScalarAsync<string>(Structure));

        var file = await _scripts.BackupAsync();
        var manifest = await File.ReadAllTextAsync(Path.ChangeExtension(file, "manifest"), TestContext.Current.CancellationToken);
        Assert.Contains($"context_keys {_database.Key.Id}\n", manifest);
        Assert.Contains("\ntable products 500 ", manifest);

        await _database.ExecuteAsync("DROP SCHEMA retail CASCADE");
        await _scripts.RestoreAsync(file, _database.Name, "--replace");
        Assert.Equal(structure, await _database.ScalarAsync<string>(Structure));
        Assert.Equal(rows, await RowsAsync());
        Assert.Equal(0L, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.context_keys"));
        await using (var operators = NpgsqlDataSource.Create(_database.ConnectionString("zava_ops")))
            Assert.Empty((await new AuditVerifier(operators).VerifyAsync(TestContext.Current.CancellationToken)).Problems);

        // The seeder's steps, and the stores are apart again.
        Assert.Equal(0, new DatabaseMigrator(_database.ConnectionString(DatabaseRole.Seeder), NullLogger<DatabaseMigrator>.Instance).Run());
        await new ContextKeyStore(_database.ConnectionString(DatabaseRole.Seeder)).InstallAsync(_database.Key, TestContext.Current.CancellationToken);
        await using var application = NpgsqlDataSource.Create(_database.ConnectionString(DatabaseRole.Application));
        var seen = await new TenantDatabase(application, new ContextSealer(_database.Key, TimeProvider.System)).QueryAsync(
            new(StoreSet.Of("seattle"), "user", "test"), new("SELECT DISTINCT store_id FROM retail.customers"), reader => reader.GetString(0), TestContext.Current.CancellationToken);
        Assert.Equal(["seattle"], seen);
        await using var none = application.CreateCommand("SELECT count(*) FROM retail.customers");
        Assert.Equal(0L, await none.ExecuteScalarAsync(TestContext.Current.CancellationToken));
        await _scripts.DropKeptAsync();
    }

    [Theory]
    [InlineData("truncated")]
    [InlineData("one byte changed")]
    [InlineData("wrong sum")]
    [InlineData("no sums")]
    [InlineData("sum of the dump left out")]
    [InlineData("no roles")]
    [InlineData("rows missing")]
    public async Task A_damaged_backup_is_refused_and_nothing_is_touched(string damage)
    {
        var file = await _scripts.BackupAsync();
        await BackupScripts.DamageAsync(file, damage);
        await _database.ExecuteAsync("CREATE TABLE public.witness ()");
        var databases = await _scripts.DatabasesAsync();

        var (exitCode, said) = await _scripts.RunAsync("restore_database.sh", file, _database.Name, "--replace");
        Assert.Equal(1, exitCode);
        Assert.Contains(damage == "rows missing" ? "differ from those that were backed up" : "Nothing was touched.", said);
        Assert.True(await _database.ScalarAsync<bool>("SELECT to_regclass('public.witness') IS NOT NULL"));
        if (damage != "rows missing")
            Assert.Equal(databases, await _scripts.DatabasesAsync());
    }

    [Fact]
    public async Task A_restore_can_be_run_again_half_done_or_done_and_spares_what_it_did_not_make()
    {
        var file = await _scripts.BackupAsync();
        var live = await _scripts.RunAsync("restore_database.sh", file, _database.Name);
        Assert.Equal((1, true), (live.ExitCode, live.Said.Contains("is the live database: say --replace")));

        var target = _database.Name + "_r";
        await _database.ExecuteAsync($"CREATE DATABASE {target}");
        var foreign = await _scripts.RunAsync("restore_database.sh", file, target);
        Assert.Equal((1, true), (foreign.ExitCode, foreign.Said.Contains("was not made by a restore")));
        await _database.ExecuteAsync($"DROP DATABASE {target}");

        // What one that was killed leaves.
        await _database.ExecuteAsync($"CREATE DATABASE {target}_restoring");
        await _scripts.RestoreAsync(file, target);
        await _scripts.RestoreAsync(file, target);
        Assert.DoesNotContain("_restoring", await _scripts.DatabasesAsync());
        Assert.Contains(target, await _scripts.DatabasesAsync());
    }

    [Fact]
    public async Task A_table_that_the_backup_may_not_read_in_full_stops_it()
    {
        await _database.ExecuteAsync("DROP POLICY customers_backup ON retail.customers; REVOKE SELECT ON retail.schema_versions FROM zava_backup");
        var (exitCode, said) = await _scripts.RunAsync("backup_database.sh");
        Assert.Equal((1, true), (exitCode, said.Contains("zava_backup may not read all of retail: customers, schema_versions. Nothing was written.")));
        Assert.Empty(_folder.GetFiles("retail_backup_*"));
    }

    [Fact]
    public async Task No_secret_is_in_a_backup_and_old_ones_go()
    {
        var old = Path.Combine(_folder.FullName, "retail_backup_20250101_000000.dump");
        await File.WriteAllTextAsync(old, "", TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-32));
        var file = await _scripts.BackupAsync();
        Assert.False(File.Exists(old));

        var text = await _scripts.TextOfAsync(file) + await File.ReadAllTextAsync(Path.ChangeExtension(file, "roles.sql"), TestContext.Current.CancellationToken);
        Assert.Contains("CREATE ROLE mcp_user LOGIN NOINHERIT", text);
        Assert.Contains("CREATE TABLE retail.context_keys", text);
        Assert.DoesNotContain("SCRAM-SHA-256", text);
        Assert.DoesNotContain(Convert.ToHexStringLower(_database.Key.Secret), text);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public async Task The_backup_login_reads_no_key()
    {
        await using var login = await _database.As("zava_backup").OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", await login.ReadAllAsync("SELECT * FROM retail.context_keys"));
        Assert.Equal("", await login.ReadAllAsync("SELECT * FROM retail.query_logins"));
        Assert.Equal("test ", await login.ReadAllAsync("SELECT retail.context_key_ids()"));
    }

    [Fact]
    public async Task A_backup_goes_to_Azure_with_the_key_on_no_command_line()
    {
        var file = await _scripts.BackupAsync(("AZURE_STORAGE_ACCOUNT", "shop"), ("AZURE_STORAGE_KEY", Password));
        var calls = await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "az.log"), TestContext.Current.CancellationToken);
        foreach (var part in (string[])["dump", "roles.sql", "manifest", "sha256"])
            Assert.Contains($"storage blob upload --container-name database-backups --name {Path.GetFileNameWithoutExtension(file)}.{part} ", calls);
        Assert.Contains("storage blob delete --container-name database-backups --name retail_backup_old.dump", calls);
        Assert.Contains("environment has account and key", calls);
        Assert.DoesNotContain(Password, calls);
    }
}
