using Npgsql;
using Zava.Database;
using Zava.Seeder;
using Zava.Seeder.Catalogue;
using Zava.Seeder.SampleData;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Seeding;

/// <summary>The sample data as the seeder loads it: how much, the same each time, all or nothing.</summary>
public sealed class SampleDataTests(DatabaseTemplate template, SampleDataTests.Shop shop) : IClassFixture<SampleDataTests.Shop>
{
    static readonly SeedOptions Options = new(Scale: 1, Seed: 7, SampleDataRulesTests.AsOf);

    public sealed class Shop(DatabaseTemplate template) : SampleDatabase(template, Options);

    TestDatabase Database => shop.Database;

    [Theory]
    [InlineData("stores", 4)]
    [InlineData("customers", 2_000)]
    [InlineData("products", 500)]
    [InlineData("sales_transactions", 5_000)]
    public async Task The_volumes_are_those_of_the_design(string table, long rows) =>
        Assert.Equal(rows, await Database.ScalarAsync<long>($"SELECT count(*) FROM retail.{table}"));

    [Fact]
    public async Task All_seven_categories_are_sold_in_every_store() =>
        Assert.Equal(28L, await Database.ScalarAsync<long>("""
            SELECT count(DISTINCT (store_id, parent_category_id)) FROM retail.products JOIN retail.product_categories USING (category_id)
            """));

    [Fact]
    public async Task Loading_leaves_a_summary_per_store_and_table_and_the_guards_in_place()
    {
        Assert.Equal(16L, await Database.ScalarAsync<long>("SELECT count(*) FROM retail.audit_log WHERE action = 'BULK_INSERT'"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("SELECT count(*) FROM retail.audit_log WHERE action = 'INSERT'"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relowner = 'zava_owner'::regrole AND relrowsecurity AND NOT relforcerowsecurity"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_trigger WHERE tgenabled NOT IN ('O', 'A')"));
    }

    [Fact]
    public async Task Keys_indexes_triggers_and_guards_are_as_without_sample_data()
    {
        const string Definitions = """
            SELECT string_agg(definition, E'\n' ORDER BY definition) FROM (
                SELECT pg_get_indexdef(indexrelid) || coalesce((SELECT string_agg(attnum || '=' || attstattarget, ' ') FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0), '')
                  FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'retail'::regnamespace)
                UNION ALL SELECT format('%s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated) FROM pg_constraint WHERE connamespace = 'retail'::regnamespace
                UNION ALL SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
                UNION ALL SELECT format('%s %s %s', relname, relrowsecurity, relforcerowsecurity) FROM pg_class WHERE relnamespace = 'retail'::regnamespace) AS all_of_them (definition)
            """;
        await using var empty = await template.CreateDatabaseAsync();
        Assert.Equal(await empty.ScalarAsync<string>(Definitions), await Database.ScalarAsync<string>(Definitions));
    }

    [Fact]
    public void Every_product_of_a_large_store_has_an_id_and_a_SKU_of_its_own()
    {
        var products = ProductGenerator.Generate(new("a", TimeZoneInfo.Utc, "flagship", 1), 100_000, CatalogueReader.Read(), Options);
        Assert.Equal((100_000, 100_000), (products.DistinctBy(product => product.Id).Count(), products.DistinctBy(product => product.Sku).Count()));
    }

    [Fact]
    public void A_kind_that_one_store_sells_is_nothing_to_the_others()
    {
        var catalogue = CatalogueReader.Read();
        Store[] stores =
        [
            new("a", TimeZoneInfo.Utc, "flagship", .4), new("b", TimeZoneInfo.Utc, "standard", .3), new("c", TimeZoneInfo.Utc, "ecommerce", .3),
        ];
        var before = new StoreDataGenerator(catalogue, Options).Generate(stores).ToList();
        var only = catalogue.Kinds.First(kind => before[0].Products.Any(product => product.Kind.Id == kind.Id)
            && !before.Skip(1).Any(store => store.Products.Any(product => product.Kind.Id == kind.Id)));
        var after = new StoreDataGenerator(catalogue with { Kinds = [.. catalogue.Kinds.Where(kind => kind != only)] }, Options).Generate(stores).ToList();

        var changed = before.Zip(after, (one, other) => !Rows(one).SequenceEqual(Rows(other))).ToArray();
        Assert.Equal((bool[])[true, false, false], changed);

        static IEnumerable<string> Rows(StoreData data) =>
        [
            .. data.Transactions.Select(sale => $"{sale.Id} {sale.Customer.Id} {sale.Date:O} {sale.Subtotal} {string.Join(',', sale.Items.Select(item => item.Product.Sku))}"),
            .. data.Products.Select(product => $"{product.Id} {product.Sku} {product.Stock} {product.Price}"),
            .. data.Customers.Select(customer => $"{customer.Id} {customer.Email} {customer.LifetimeValue}"),
        ];
    }

    [Fact]
    public async Task The_rows_are_the_same_on_any_machine() =>
        // Changes with the catalogue and the generator, and with nothing else: then put in what is found.
        Assert.Equal("7f63109a57b4abb6b03fd730b294bd08", await Database.ScalarAsync<string>("""
            SET TIME ZONE 'UTC';
            SELECT md5((SELECT string_agg(t::text, ',' ORDER BY store_id COLLATE "C", receipt_number COLLATE "C") FROM retail.sales_transactions t)
                    || (SELECT string_agg(i::text, ',' ORDER BY store_id COLLATE "C", item_id) FROM retail.sales_transaction_items i)
                    || (SELECT string_agg(c::text, ',' ORDER BY store_id COLLATE "C", customer_id) FROM retail.customers c)
                    || (SELECT string_agg(p::text, ',' ORDER BY store_id COLLATE "C", sku COLLATE "C") FROM retail.products p))
            """));

    [Fact]
    public async Task The_same_arguments_make_the_same_rows_and_another_seed_makes_others()
    {
        await using var again = await template.CreateDatabaseAsync();
        await SampleDatabase.LoadAsync(again, Options);
        await using var other = await template.CreateDatabaseAsync();
        await SampleDatabase.LoadAsync(other, Options with { Seed = 8 });
        foreach (var table in (string[])["customers", "products", "sales_transactions", "sales_transaction_items", "product_categories"])
        {
            var checksum = $"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM retail.{table} t";
            Assert.Equal(await Database.ScalarAsync<string>(checksum), await again.ScalarAsync<string>(checksum));
            if (table != "product_categories")
                Assert.NotEqual(await Database.ScalarAsync<string>(checksum), await other.ScalarAsync<string>(checksum));
        }
    }

    [Fact]
    public async Task Loading_again_changes_nothing_and_other_arguments_are_refused()
    {
        const string Count = "SELECT (SELECT count(*) FROM retail.products) + (SELECT count(*) FROM retail.audit_log)";
        var before = await Database.ScalarAsync<long>(Count);
        Assert.Equal(0, await SampleDatabase.LoadAsync(Database, Options));
        Assert.Equal(0, await SampleDatabase.LoadAsync(Database, Options with { AsOf = Options.AsOf.AddDays(1) }, asOfWasGiven: false));
        var refused = await Assert.ThrowsAsync<DatabaseSetupException>(() => SampleDatabase.LoadAsync(Database, Options with { Scale = 2 }));
        Assert.Contains("--scale 1 --seed 7 --as-of 2026-03-31", refused.Message);
        Assert.Equal(before, await Database.ScalarAsync<long>(Count));
    }

    [Theory]
    [InlineData("products", "INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'X', 'X', 1)")]
    [InlineData("customers", "INSERT INTO retail.customers (store_id, first_name, last_name, email) VALUES ('seattle', 'X', 'X', 'x@zava.example')")]
    [InlineData("product_categories WHERE parent_category_id IS NOT NULL", "INSERT INTO retail.product_categories (category_name, parent_category_id) VALUES ('X', 1)")]
    public async Task A_database_of_real_data_is_left_alone(string table, string insert)
    {
        await using var real = await template.CreateDatabaseAsync();
        await real.ExecuteAsync(insert);
        Assert.Contains("no sample data", (await Assert.ThrowsAsync<DatabaseSetupException>(() => SampleDatabase.LoadAsync(real, Options))).Message);
        Assert.Equal(1L, await real.ScalarAsync<long>($"SELECT count(*) FROM retail.{table}"));
    }

    [Fact]
    public async Task A_load_that_is_cut_off_leaves_nothing_and_can_be_repeated()
    {
        await using var database = await template.CreateDatabaseAsync();
        var cut = new CutAfterFirstTable(database);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => SampleDatabase.LoadAsync(database, Options, progress: cut));
        Assert.True(cut.WasCut);
        Assert.Equal(0L, await database.ScalarAsync<long>("SELECT (SELECT count(*) FROM retail.customers) + (SELECT count(*) FROM retail.audit_log WHERE action = 'BULK_INSERT')"));
        Assert.Equal(0L, await database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relowner = 'zava_owner'::regrole AND relrowsecurity AND NOT relforcerowsecurity"));
        Assert.True(await SampleDatabase.LoadAsync(database, Options) > 0);
    }

    // Kills the loader's backend, as a crash of the seeder or of its network would.
    sealed class CutAfterFirstTable(TestDatabase database) : IProgress<SampleDataLoader.Progress>
    {
        public bool WasCut { get; private set; }

        public void Report(SampleDataLoader.Progress value)
        {
            if (WasCut)
                return;
            WasCut = true;
            database.ScalarAsync<bool>(
                "SELECT bool_and(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'zava_seeder' AND state <> 'idle'")
                .GetAwaiter().GetResult();
        }
    }
}
