using Zava.Seeder;
using Zava.Seeder.Catalogue;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Seeding;

/// <summary>The shares of the design and the patterns of a shop, at a scale where chance is small beside them.</summary>
public sealed class SampleDataPatternsTests(SampleDataPatternsTests.Shop shop) : IClassFixture<SampleDataPatternsTests.Shop>
{
    public sealed class Shop(DatabaseTemplate template) : SampleDatabase(template, new SeedOptions(Scale: 10, Seed: 3, SampleDataRulesTests.AsOf));

    /// <summary>Counts of each value, and the share that each should have.</summary>
    public static TheoryData<string, double[]> Shares => new()
    {
        { "SELECT count(*) FROM retail.sales_transactions GROUP BY payment_method ORDER BY array_position(ARRAY['credit_card', 'debit_card', 'cash', 'digital_wallet'], payment_method::text)", [.45, .25, .20, .10] },
        { "SELECT count(*) FROM (SELECT count(*) AS lines FROM retail.sales_transactions JOIN retail.sales_transaction_items USING (store_id, transaction_id) WHERE transaction_type = 'sale' GROUP BY store_id, transaction_id) baskets GROUP BY lines ORDER BY lines", [.40, .30, .20, .07, .03] },
        { "SELECT count(*) FROM retail.sales_transaction_items JOIN retail.sales_transactions USING (store_id, transaction_id) WHERE transaction_type = 'sale' GROUP BY quantity ORDER BY quantity", [1 / 3.0, 1 / 3.0, 1 / 3.0] },
        { "SELECT count(*) FROM retail.sales_transaction_items WHERE line_type = 'sold' GROUP BY discount_amount > 0 ORDER BY discount_amount > 0", [.80, .20] },
        { "SELECT count(*) FROM retail.sales_transactions GROUP BY cashier_id", [.1, .1, .1, .1, .1, .1, .1, .1, .1, .1] },
        { "SELECT count(*) FROM retail.sales_transactions GROUP BY register_id", [.2, .2, .2, .2, .2] },
        { "SELECT count(*) FROM retail.customers GROUP BY gender", [.25, .25, .25, .25] },
        { "SELECT count(*) FROM retail.customers GROUP BY width_bucket(age('2026-03-31', date_of_birth), ARRAY['33 years 6 months', '49 years', '64 years 6 months']::interval[])", [.25, .25, .25, .25] },
    };

    [Theory, MemberData(nameof(Shares))]
    public async Task Shares_are_those_of_the_design(string sql, double[] shares)
    {
        var counts = await ReadAsync(sql);
        Assert.Equal(shares.Length, counts.Count);
        var total = counts.Sum();
        // Pearson's chi-square statistic; beyond the bound once in a thousand, if the shares are these.
        var statistic = counts.Zip(shares, (count, share) => (count - total * share) * (count - total * share) / (total * share)).Sum();
        double[] bounds = [0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12, 27.88];
        // The ages' quarters are not exactly equal, nor are the payments of a chain with a web shop: a hundredth of a share is forgiven.
        Assert.InRange(statistic, 0, bounds[shares.Length - 1] + total * .0001);
    }

    /// <summary>A number, and between what it should be.</summary>
    public static TheoryData<string, string, double, double> Patterns => new()
    {
        { "sales", "SELECT avg((transaction_type = 'sale')::int) FROM retail.sales_transactions", .89, .91 },
        { "returns", "SELECT avg((transaction_type = 'return')::int) FROM retail.sales_transactions", .065, .075 },
        { "exchanges", "SELECT avg((transaction_type = 'exchange')::int) FROM retail.sales_transactions", .025, .035 },
        { "tiers below silver", "SELECT avg((loyalty_tier = 'bronze')::int) FROM retail.customers", .495, .505 },
        { "platinum", "SELECT avg((loyalty_tier = 'platinum')::int) FROM retail.customers", .045, .055 },
        { "featured products", "SELECT avg(is_featured::int) FROM retail.products", .13, .17 },
        { "December against February, by day", """
            SELECT (count(*) FILTER (WHERE month = 12) / 31.0) / (count(*) FILTER (WHERE month = 2) / 28.0)
              FROM (SELECT extract(month FROM transaction_date AT TIME ZONE 'America/Los_Angeles') AS month FROM retail.sales_transactions) t
            """, 1.6, 3 },
        { "Saturday against Tuesday where one walks in", """
            SELECT count(*) FILTER (WHERE day = 6) * 1.0 / count(*) FILTER (WHERE day = 2)
              FROM (SELECT extract(dow FROM transaction_date AT TIME ZONE 'America/Los_Angeles') AS day FROM retail.sales_transactions WHERE store_id <> 'online') t
            """, 1.8, 2.5 },
        { "after eight in the evening online", """
            SELECT avg((extract(hour FROM transaction_date AT TIME ZONE 'America/Los_Angeles') >= 20)::int) FROM retail.sales_transactions WHERE store_id = 'online'
            """, .25, .4 },
        { "units of the best fifth of products", """
            SELECT sum(units) FILTER (WHERE place <= .2) / sum(units)
              FROM (SELECT sum(quantity) AS units, percent_rank() OVER (ORDER BY sum(quantity) DESC) AS place
                      FROM retail.sales_transaction_items WHERE line_type = 'sold' GROUP BY store_id, product_id) p
            """, .45, .7 },
        { "receipts of the tenth of customers who come most", """
            SELECT sum(receipts) FILTER (WHERE place <= .1) / sum(receipts)
              FROM (SELECT count(transaction_id) AS receipts, percent_rank() OVER (ORDER BY count(transaction_id) DESC) AS place
                      FROM retail.customers LEFT JOIN retail.sales_transactions USING (store_id, customer_id) GROUP BY store_id, customer_id) c
            """, .35, .6 },
        { "a customer's lines in the favourite category", """
            SELECT avg(most / lines) FROM (
                SELECT sum(n) AS lines, max(n) AS most FROM (
                    SELECT t.store_id, t.customer_id, count(*)::float8 AS n
                      FROM retail.sales_transactions t JOIN retail.sales_transaction_items USING (store_id, transaction_id)
                      JOIN retail.products USING (store_id, product_id) JOIN retail.product_categories USING (category_id)
                     GROUP BY t.store_id, t.customer_id, parent_category_id) by_category
                 GROUP BY store_id, customer_id HAVING sum(n) >= 30) customers
            """, .35, .6 },
        { "units in season against out of it, by month", """
            SELECT avg(in_season) FROM (
                SELECT (sum(quantity) FILTER (WHERE month::text::jsonb <@ season) / jsonb_array_length(season))
                     / (sum(quantity) FILTER (WHERE NOT month::text::jsonb <@ season) / (12.0 - jsonb_array_length(season))) AS in_season
                  FROM (SELECT product_id, quantity, metadata -> 'season' AS season,
                               extract(month FROM i.created_at AT TIME ZONE 'America/Los_Angeles')::int AS month
                          FROM retail.sales_transaction_items i JOIN retail.products USING (store_id, product_id)
                         WHERE metadata ? 'season' AND line_type = 'sold') sold
                 GROUP BY season HAVING jsonb_array_length(season) < 12) seasons
            """, 1.7, 4 },
        { "clothing comes back, against books", """
            SELECT (avg((r.item_id IS NOT NULL)::int) FILTER (WHERE top.category_name = 'Clothing'))
                 / (avg((r.item_id IS NOT NULL)::int) FILTER (WHERE top.category_name = 'Books & Media'))
              FROM retail.sales_transaction_items s
              JOIN retail.products p USING (store_id, product_id)
              JOIN retail.product_categories c USING (category_id)
              JOIN retail.product_categories top ON top.category_id = c.parent_category_id
              LEFT JOIN retail.sales_transaction_items r ON (r.store_id, r.original_item_id) = (s.store_id, s.item_id)
             WHERE s.line_type = 'sold'
            """, 3, 8 },
        { "articles with a fault come back, against the others", """
            SELECT (avg((r.item_id IS NOT NULL)::int) FILTER (WHERE rating_average < 3.4)) / (avg((r.item_id IS NOT NULL)::int) FILTER (WHERE rating_average >= 3.4))
              FROM retail.sales_transaction_items s JOIN retail.products p USING (store_id, product_id)
              LEFT JOIN retail.sales_transaction_items r ON (r.store_id, r.original_item_id) = (s.store_id, s.item_id)
             WHERE s.line_type = 'sold'
            """, 3, 8 },
        { "products at or below their reorder point on the last day", "SELECT avg((current_stock <= reorder_point)::int) FROM retail.products", .03, .35 },
        { "products that were delivered in the year", "SELECT avg((jsonb_array_length(metadata -> 'deliveries') > 0)::int) FROM retail.products", .5, 1 },
        { "newcomers who buy on the day they join", """
            SELECT avg((EXISTS (SELECT FROM retail.sales_transactions t WHERE (t.store_id, t.customer_id) = (c.store_id, c.customer_id)
                                  AND (t.transaction_date AT TIME ZONE 'America/Los_Angeles')::date = customer_since))::int)
              FROM retail.customers c WHERE customer_since > '2025-04-01'
            """, .7, 1 },
    };

    [Theory, MemberData(nameof(Patterns))]
    public async Task The_data_has_the_pattern(string pattern, string sql, double least, double most)
    {
        Assert.NotEmpty(pattern);
        Assert.InRange(Convert.ToDouble(await shop.Database.ScalarAsync<object>(sql)), least, most);
    }

    [Fact]
    public async Task What_goes_together_is_bought_together()
    {
        // Lift (Brin et al. 1997): receipts with both, against what chance would give; of the catalogue's pairs together.
        string[] pairs = [.. CatalogueReader.Read().Kinds.SelectMany(kind => kind.GoesWith, (kind, other) => $"{kind.Id} {other}")];
        Assert.True(pairs.Length > 300);
        var lift = await shop.Database.ScalarAsync<double>("""
            WITH lines AS MATERIALIZED (
                SELECT DISTINCT store_id, transaction_id, p.metadata ->> 'kind' AS kind
                  FROM retail.sales_transactions JOIN retail.sales_transaction_items USING (store_id, transaction_id) JOIN retail.products p USING (store_id, product_id)
                 WHERE transaction_type = 'sale'
            ), kinds AS (SELECT kind, count(*)::float8 AS receipts FROM lines GROUP BY kind),
            pairs AS (SELECT DISTINCT split_part(pair, ' ', 1) AS one, split_part(pair, ' ', 2) AS other FROM unnest($1) AS pair)
            SELECT (SELECT count(*) FROM lines a JOIN lines b USING (store_id, transaction_id) JOIN pairs ON (one, other) = (a.kind, b.kind))
                 / (SELECT sum(a.receipts * b.receipts) / (SELECT count(DISTINCT (store_id, transaction_id)) FROM lines)
                      FROM pairs JOIN kinds a ON a.kind = one JOIN kinds b ON b.kind = other)
            """, (object)pairs);
        Assert.InRange(lift, 3, 30);
    }

    [Fact]
    public async Task Stores_choose_for_themselves()
    {
        var kinds = (await ReadAsync("SELECT count(DISTINCT metadata ->> 'kind') FROM retail.products"))[0];
        Assert.Equal(CatalogueReader.Read().Kinds.Count, kinds);
        // At this scale every store has most kinds; which articles of them differs.
        var shared = await shop.Database.ScalarAsync<double>("""
            SELECT count(*) FILTER (WHERE stores = 2)::float8 / count(*)
              FROM (SELECT count(*) AS stores FROM retail.products WHERE store_id IN ('redmond', 'bellevue') GROUP BY sku) skus
            """);
        Assert.InRange(shared, .05, .8);
    }

    async Task<List<double>> ReadAsync(string sql)
    {
        await using var command = shop.Database.As(null).CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var numbers = new List<double>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
            numbers.Add(Convert.ToDouble(reader.GetValue(0)));
        return numbers;
    }
}
