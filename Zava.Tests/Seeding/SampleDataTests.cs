using Npgsql;
using Zava.Database;
using Zava.Seeder;
using Zava.Seeder.SampleData;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Seeding;

/// <summary>The sample data as the seeder loads it: its rules, each by one query over the whole database.</summary>
public sealed class SampleDataTests(DatabaseTemplate template, SampleDataTests.Loaded loaded) : IClassFixture<SampleDataTests.Loaded>
{
    public static readonly SeedOptions Options = new(Scale: 1, Seed: 7, AsOf: new DateOnly(2026, 3, 31));

    public sealed class Loaded(DatabaseTemplate template) : IAsyncLifetime
    {
        public TestDatabase Database { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Database = await template.CreateDatabaseAsync();
            await LoadAsync(Database, Options);
        }

        public ValueTask DisposeAsync() => Database.DisposeAsync();
    }

    TestDatabase Database => loaded.Database;

    static Task<long> LoadAsync(TestDatabase database, SeedOptions options, bool asOfWasGiven = true) =>
        new SampleDataLoader(database.ConnectionString(DatabaseRole.Seeder))
            .LoadAsync(options, asOfWasGiven, new Progress<SampleDataLoader.Progress>(), TestContext.Current.CancellationToken);

    [Theory]
    [InlineData("stores", 4)]
    [InlineData("customers", 2_000)]
    [InlineData("products", 500)]
    [InlineData("sales_transactions", 5_000)]
    public async Task The_volumes_are_those_of_the_design(string table, long rows) =>
        Assert.Equal(rows, await Database.ScalarAsync<long>($"SELECT count(*) FROM retail.{table}"));

    /// <summary>Each query counts rows that break a rule.</summary>
    public static TheoryData<string, string> Rules => new()
    {
        { "subtotal is the signed sum of the lines", """
            SELECT count(*) FROM retail.sales_transactions t
             WHERE subtotal <> (SELECT sum(CASE line_type WHEN 'sold' THEN total_price ELSE -total_price END)
                                  FROM retail.sales_transaction_items i WHERE i.store_id = t.store_id AND i.transaction_id = t.transaction_id)
            """ },
        { "tax is 8 % of the subtotal, and the lines share it exactly", """
            SELECT count(*) FROM retail.sales_transactions t
             WHERE tax_amount <> round(subtotal * 0.08, 2)
                OR tax_amount <> (SELECT sum(CASE line_type WHEN 'sold' THEN tax_amount ELSE -tax_amount END)
                                    FROM retail.sales_transaction_items i WHERE i.store_id = t.store_id AND i.transaction_id = t.transaction_id)
            """ },
        { "total is subtotal plus tax", "SELECT count(*) FROM retail.sales_transactions WHERE total_amount <> subtotal + tax_amount" },
        { "returns are negative and sales positive", """
            SELECT count(*) FROM retail.sales_transactions
             WHERE (transaction_type = 'sale' AND total_amount <= 0) OR (transaction_type = 'return' AND total_amount >= 0)
            """ },
        { "a returned line names a line that the same customer bought before, and no more of it", """
            SELECT count(*) FROM retail.sales_transaction_items r
              JOIN retail.sales_transactions rt ON rt.store_id = r.store_id AND rt.transaction_id = r.transaction_id
              LEFT JOIN retail.sales_transaction_items s ON s.store_id = r.store_id AND s.item_id = r.original_item_id
              LEFT JOIN retail.sales_transactions st ON st.store_id = s.store_id AND st.transaction_id = s.transaction_id
             WHERE r.line_type = 'returned'
               AND (s.line_type IS DISTINCT FROM 'sold' OR st.customer_id <> rt.customer_id OR st.transaction_date >= rt.transaction_date
                    OR s.product_id <> r.product_id OR r.quantity > s.quantity OR r.total_price > s.total_price)
            """ },
        { "no line is returned twice", """
            SELECT count(*) FROM (SELECT FROM retail.sales_transaction_items WHERE original_item_id IS NOT NULL
                                   GROUP BY store_id, original_item_id HAVING count(*) > 1) twice
            """ },
        { "lifetime value adds up", """
            SELECT count(*) FROM retail.customers c
             WHERE total_lifetime_value <> (SELECT coalesce(sum(total_amount), 0) FROM retail.sales_transactions t
                                             WHERE t.store_id = c.store_id AND t.customer_id = c.customer_id)
            """ },
        { "no sale before customer_since", """
            SELECT count(*) FROM retail.sales_transactions t JOIN retail.customers c USING (store_id, customer_id)
             WHERE t.transaction_date::date < c.customer_since
            """ },
        { "sales are within the year, in opening hours of the store", """
            SELECT count(*) FROM retail.sales_transactions t JOIN retail.stores s USING (store_id)
             WHERE (transaction_date AT TIME ZONE time_zone)::date NOT BETWEEN '2025-04-01' AND '2026-03-31'
                OR (store_id <> 'online' AND extract(hour FROM transaction_date AT TIME ZONE time_zone) NOT BETWEEN 9 AND 20)
            """ },
        { "customers are 18 to 80 and joined within five years", """
            SELECT count(*) FROM retail.customers
             WHERE age('2026-03-31', date_of_birth) NOT BETWEEN '18 years' AND '80 years'
                OR customer_since NOT BETWEEN '2021-03-31' AND '2026-03-31'
            """ },
        { "cost is 40 to 70 % of price, rating 3 to 5, stock not negative", """
            SELECT count(*) FROM retail.products
             WHERE round(cost / price, 2) NOT BETWEEN 0.40 AND 0.70 OR rating_average NOT BETWEEN 3 AND 5 OR current_stock < 0
                OR reorder_point < minimum_stock OR maximum_stock < reorder_point
            """ },
        { "every product has a sub-category, a real text and all its attributes", """
            SELECT count(*) FROM retail.products p JOIN retail.product_categories c USING (category_id)
             WHERE c.parent_category_id IS NULL OR length(product_description) < 100 OR product_description ~* 'lorem ipsum'
                OR num_nulls(brand, model, color, weight_kg, dimensions_cm, supplier_name, supplier_sku, tags, metadata) > 0
            """ },
        { "line discounts are 5 to 25 %", """
            SELECT count(*) FROM retail.sales_transaction_items
             WHERE discount_amount > 0 AND abs(discount_amount / (quantity * unit_price) - 0.15) > 0.1001
            """ },
    };

    [Theory, MemberData(nameof(Rules))]
    public async Task Every_row_keeps_the_rule(string rule, string violations)
    {
        Assert.Equal(0L, await Database.ScalarAsync<long>(violations));
        Assert.NotEmpty(rule);
    }

    [Fact]
    public async Task All_seven_categories_are_sold_in_every_store() =>
        Assert.Equal(28L, await Database.ScalarAsync<long>("""
            SELECT count(DISTINCT (store_id, parent_category_id)) FROM retail.products JOIN retail.product_categories USING (category_id)
            """));

    [Theory]
    [InlineData("SELECT count(*) FROM retail.sales_transactions WHERE transaction_type = 'return'", 5_000, .07)]
    [InlineData("SELECT count(*) FROM retail.sales_transactions WHERE transaction_type = 'exchange'", 5_000, .03)]
    [InlineData("SELECT count(*) FROM retail.sales_transactions WHERE payment_method = 'credit_card'", 5_000, .45)]
    [InlineData("SELECT count(*) FROM retail.sales_transactions WHERE payment_method = 'digital_wallet'", 5_000, .10)]
    [InlineData("SELECT count(*) FROM retail.customers WHERE loyalty_tier = 'silver'", 2_000, .30)]
    [InlineData("SELECT count(*) FROM retail.customers WHERE loyalty_tier = 'platinum'", 2_000, .05)]
    public async Task Proportions_are_those_of_the_design(string sql, int total, double share)
    {
        // Four standard deviations of a binomial count.
        var tolerance = 4 * Math.Sqrt(total * share * (1 - share));
        Assert.InRange(await Database.ScalarAsync<long>(sql), total * share - tolerance, total * share + tolerance);
    }

    [Fact]
    public async Task Loading_leaves_a_summary_per_store_and_table_and_the_guards_in_place()
    {
        Assert.Equal(16L, await Database.ScalarAsync<long>("SELECT count(*) FROM retail.audit_log WHERE action = 'BULK_INSERT'"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("SELECT count(*) FROM retail.audit_log WHERE action = 'INSERT'"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relrowsecurity AND NOT relforcerowsecurity"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'"));
    }

    [Fact]
    public async Task The_same_arguments_make_the_same_rows_and_another_seed_makes_others()
    {
        await using var again = await template.CreateDatabaseAsync();
        await LoadAsync(again, Options);
        await using var other = await template.CreateDatabaseAsync();
        await LoadAsync(other, Options with { Seed = 8 });
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
        Assert.Equal(0, await LoadAsync(Database, Options));
        Assert.Equal(0, await LoadAsync(Database, Options with { AsOf = Options.AsOf.AddDays(1) }, asOfWasGiven: false));
        var refused = await Assert.ThrowsAsync<DatabaseSetupException>(() => LoadAsync(Database, Options with { Scale = 2 }));
        Assert.Contains("--scale 1 --seed 7 --as-of 2026-03-31", refused.Message);
        Assert.Equal(before, await Database.ScalarAsync<long>(Count));
    }

    [Fact]
    public async Task A_database_of_real_data_is_left_alone()
    {
        await using var real = await template.CreateDatabaseAsync();
        await real.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', 'X', 'X', 1)");
        Assert.Contains("no sample data", (await Assert.ThrowsAsync<DatabaseSetupException>(() => LoadAsync(real, Options))).Message);
        Assert.Equal(1L, await real.ScalarAsync<long>("SELECT count(*) FROM retail.products"));
    }

    [Fact]
    public async Task A_load_that_is_cut_off_leaves_nothing_and_can_be_repeated()
    {
        await using var database = await template.CreateDatabaseAsync();
        var cut = new CutAfterFirstTable(database);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => new SampleDataLoader(database.ConnectionString(DatabaseRole.Seeder))
            .LoadAsync(Options, true, cut, TestContext.Current.CancellationToken));
        Assert.True(cut.WasCut);
        Assert.Equal(0L, await database.ScalarAsync<long>("SELECT (SELECT count(*) FROM retail.customers) + (SELECT count(*) FROM retail.audit_log WHERE action = 'BULK_INSERT')"));
        Assert.Equal(0L, await database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relnamespace = 'retail'::regnamespace AND relrowsecurity AND NOT relforcerowsecurity"));
        Assert.True(await LoadAsync(database, Options) > 0);
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
