using Zava.Seeder;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Seeding;

/// <summary>What holds for every row of the sample data, each by one query over the whole database.</summary>
public abstract class SampleDataRulesTests(SampleDatabase sample)
{
    public static readonly DateOnly AsOf = new(2026, 3, 31);

    public sealed class AtScale1(AtScale1.Shop sample) : SampleDataRulesTests(sample), IClassFixture<AtScale1.Shop>
    {
        public sealed class Shop(DatabaseTemplate template) : SampleDatabase(template, new SeedOptions(Scale: 1, Seed: 7, AsOf));
    }

    public sealed class AtScale20(AtScale20.Shop sample) : SampleDataRulesTests(sample), IClassFixture<AtScale20.Shop>
    {
        public sealed class Shop(DatabaseTemplate template) : SampleDatabase(template, new SeedOptions(Scale: 20, Seed: 11, AsOf));
    }

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
        { "line discounts are 5 to 25 %, rounded to the cent when given and again when a part comes back", """
            SELECT count(*) FROM retail.sales_transaction_items
             WHERE discount_amount > 0 AND abs(discount_amount - 0.15 * quantity * unit_price) > 0.10 * quantity * unit_price + 0.01
            """ },
        { "stock is what was there, came and went, and never below zero on the way", """
            WITH moves AS MATERIALIZED (
                SELECT store_id, product_id, '-infinity'::timestamptz AS at, (metadata ->> 'opening_stock')::int AS units FROM retail.products
                 UNION ALL
                SELECT store_id, product_id, (delivery ->> 'on')::timestamp AT TIME ZONE time_zone, (delivery ->> 'units')::int
                  FROM retail.products JOIN retail.stores USING (store_id), jsonb_array_elements(metadata -> 'deliveries') AS delivery
                 UNION ALL
                SELECT store_id, product_id, created_at, CASE line_type WHEN 'sold' THEN -quantity ELSE quantity END FROM retail.sales_transaction_items
            ), levels AS (
                SELECT *, sum(units) OVER (PARTITION BY store_id, product_id ORDER BY at, units DESC) AS level FROM moves
            )
            SELECT (SELECT count(*) FROM levels WHERE level < 0)
                 + (SELECT count(*) FROM retail.products
                      JOIN (SELECT store_id, product_id, sum(units) AS units FROM moves GROUP BY 1, 2) AS ends USING (store_id, product_id)
                     WHERE current_stock <> units)
            """ },
        { "a tier says what was spent: nobody of a lower one spent more", """
            SELECT count(*) FROM (
                SELECT min(total_lifetime_value) OVER by_tier AS least, lead(most) OVER (PARTITION BY store_id ORDER BY most DESC) AS next
                  FROM (SELECT store_id, loyalty_tier, min(total_lifetime_value) AS total_lifetime_value, max(total_lifetime_value) AS most
                          FROM retail.customers GROUP BY 1, 2) tiers
                WINDOW by_tier AS (PARTITION BY store_id, loyalty_tier)) AS steps
             WHERE least < next
            """ },
        { "what comes back does so one to 45 days later, with a reason", """
            SELECT count(*) FROM retail.sales_transaction_items r
              JOIN retail.sales_transaction_items s ON (s.store_id, s.item_id) = (r.store_id, r.original_item_id)
              JOIN retail.sales_transactions t ON (t.store_id, t.transaction_id) = (r.store_id, r.transaction_id)
             WHERE r.created_at - s.created_at NOT BETWEEN '2 hours' AND '46 days' OR t.notes IS NULL
            """ },
        { "an exchange gives the same article for what came back", """
            SELECT count(*) FROM retail.sales_transactions t
              JOIN retail.sales_transaction_items r ON (r.store_id, r.transaction_id) = (t.store_id, t.transaction_id) AND r.line_type = 'returned'
              JOIN retail.products returned ON (returned.store_id, returned.product_id) = (r.store_id, r.product_id)
              LEFT JOIN retail.sales_transaction_items s ON (s.store_id, s.transaction_id) = (t.store_id, t.transaction_id) AND s.line_type = 'sold'
              LEFT JOIN retail.products sold ON (sold.store_id, sold.product_id) = (s.store_id, s.product_id)
             WHERE t.transaction_type = 'exchange' AND (sold.brand IS DISTINCT FROM returned.brand OR s.quantity <> r.quantity)
            """ },
        { "a store that one walks into is closed on Thanksgiving and at Christmas, and nobody pays cash online", """
            SELECT count(*) FROM retail.sales_transactions t JOIN retail.stores s USING (store_id)
             WHERE CASE store_type WHEN 'ecommerce' THEN payment_method = 'cash'
                   ELSE (transaction_date AT TIME ZONE time_zone)::date IN ('2025-11-27', '2025-12-25') END
            """ },
        { "quantities are 1 to 3, cashiers 1 to 10, registers 1 to 5, receipts numbered without a gap", """
            SELECT (SELECT count(*) FROM retail.sales_transaction_items WHERE quantity NOT BETWEEN 1 AND 3)
                 + (SELECT count(*) FROM retail.sales_transactions WHERE cashier_id !~ '^CASHIER([1-9]|10)$' OR register_id !~ '^REG[1-5]$')
                 + (SELECT count(*) FROM (SELECT store_id FROM retail.sales_transactions GROUP BY 1
                                          HAVING max(receipt_number) <> 'RCP' || lpad(count(*)::text, 8, '0')) gaps)
            """ },
        { "no sale of a product before the store had it, none of a store's products is the same as another", """
            SELECT (SELECT count(*) FROM retail.sales_transaction_items i JOIN retail.products p USING (store_id, product_id) WHERE i.created_at < p.created_at)
                 + (SELECT count(*) FROM (SELECT FROM retail.products GROUP BY store_id, product_name, color, size, metadata -> 'kind' HAVING count(*) > 1) twice)
            """ },
    };

    [Theory, MemberData(nameof(Rules))]
    public async Task Every_row_keeps_the_rule(string rule, string violations)
    {
        Assert.NotEmpty(rule);
        Assert.Equal(0L, await sample.Database.ScalarAsync<long>(violations));
    }
}
