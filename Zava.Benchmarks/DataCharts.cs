using Npgsql;

namespace Zava.Benchmarks;

/// <summary>Draws what the sample data looks like, for docs/sample-data.md.</summary>
static class DataCharts
{
    const string Months = "Nov Dec Jan Feb Mar Apr May Jun Jul Aug Sep Oct";

    /// <returns>SVG by file name.</returns>
    public static async Task<Dictionary<string, string>> DrawAsync(NpgsqlDataSource administrator, CancellationToken cancellationToken)
    {
        var weeks = await SeriesAsync("""
            SELECT store_id, count(*)::float8 FROM generate_series(0, 51) AS week
              JOIN retail.sales_transactions t ON (transaction_date AT TIME ZONE 'America/Los_Angeles')::date - '2025-11-01'::date BETWEEN week * 7 AND week * 7 + 6
             GROUP BY store_id, week ORDER BY array_position(ARRAY['seattle', 'online', 'bellevue', 'redmond'], store_id::text), week
            """);
        var hours = await SeriesAsync("""
            SELECT CASE store_type WHEN 'ecommerce' THEN 'online' ELSE 'in stores' END, 100.0 * count(transaction_id) / sum(count(transaction_id)) OVER (PARTITION BY store_type = 'ecommerce')
              FROM generate_series(0, 23) AS hour CROSS JOIN retail.stores s
              LEFT JOIN retail.sales_transactions t ON t.store_id = s.store_id AND extract(hour FROM transaction_date AT TIME ZONE time_zone) = hour
             GROUP BY store_type = 'ecommerce', 1, hour ORDER BY 1, hour
            """);
        var seasons = await SeriesAsync("""
            SELECT top.category_name, sum(i.total_price)::float8 / 1000
              FROM retail.sales_transaction_items i JOIN retail.products USING (store_id, product_id) JOIN retail.product_categories c USING (category_id)
              JOIN retail.product_categories top ON top.category_id = c.parent_category_id
             WHERE line_type = 'sold' AND top.category_name IN ('Clothing', 'Electronics', 'Sports & Outdoors', 'Books & Media')
             GROUP BY 1, date_trunc('month', i.created_at AT TIME ZONE 'America/Los_Angeles') ORDER BY 1, date_trunc('month', i.created_at AT TIME ZONE 'America/Los_Angeles')
            """);
        var tail = await SeriesAsync("""
            SELECT 'units', avg(units) FROM (
                SELECT sum(quantity)::float8 AS units, ntile(50) OVER (ORDER BY sum(quantity) DESC) AS fiftieth
                  FROM retail.sales_transaction_items WHERE line_type = 'sold' GROUP BY store_id, product_id) p
             GROUP BY fiftieth ORDER BY fiftieth
            """);
        var returns = await SeriesAsync("""
            SELECT 'returned', 100.0 * count(r.item_id) / count(*)
              FROM retail.sales_transaction_items s JOIN retail.products USING (store_id, product_id) JOIN retail.product_categories c USING (category_id)
              JOIN retail.product_categories top ON top.category_id = c.parent_category_id
              LEFT JOIN retail.sales_transaction_items r ON (r.store_id, r.original_item_id) = (s.store_id, s.item_id)
             WHERE s.line_type = 'sold' GROUP BY top.category_name ORDER BY top.category_name
            """);
        var stock = await SeriesAsync("""
            WITH bestseller AS (
                SELECT store_id, product_id FROM retail.sales_transaction_items WHERE store_id = 'seattle' GROUP BY 1, 2 ORDER BY sum(quantity) DESC, 2 LIMIT 1
            ), moves AS (
                SELECT '2025-10-31'::date AS day, (metadata ->> 'opening_stock')::int AS units, reorder_point FROM retail.products JOIN bestseller USING (store_id, product_id)
                 UNION ALL SELECT (d ->> 'on')::date, (d ->> 'units')::int, NULL FROM retail.products JOIN bestseller USING (store_id, product_id), jsonb_array_elements(metadata -> 'deliveries') AS d
                 UNION ALL SELECT (i.created_at AT TIME ZONE 'America/Los_Angeles')::date, CASE line_type WHEN 'sold' THEN -quantity ELSE quantity END, NULL
                             FROM retail.sales_transaction_items i JOIN bestseller USING (store_id, product_id)
            ), days AS (SELECT day::date FROM generate_series('2025-11-01'::date, '2026-10-31', '1 day') AS day)
            SELECT 'in stock', (SELECT sum(units)::float8 FROM moves m WHERE m.day <= days.day) FROM days
            UNION ALL SELECT 'reorder point', (SELECT max(reorder_point)::float8 FROM moves) FROM days
            """);
        string[] categories = ["Automotive", "Books", "Clothing", "Electronics", "Health", "Home", "Sports"];
        return new()
        {
            ["data-weeks.svg"] = new Chart("Receipts a week", Months.Split(' '), weeks).Lines(),
            ["data-hours.svg"] = new Chart("Receipts by hour of the day, % of all", [.. Enumerable.Range(0, 24).Select(hour => $"{hour}")], hours).Bars(),
            ["data-seasons.svg"] = new Chart("Sales of a month by category, thousand dollars", Months.Split(' '), seasons).Lines(),
            ["data-tail.svg"] = new Chart("Units that a product sells in the year, from the bestsellers to the last", ["bestsellers", "", "", "", "rarely sold"], tail).Lines(),
            ["data-returns.svg"] = new Chart("Lines that come back, %", categories, returns).Bars(),
            ["data-stock.svg"] = new Chart("Stock of Seattle's bestseller, day by day", Months.Split(' '), stock).Lines(),
        };

        async Task<List<(string, IReadOnlyList<double>)>> SeriesAsync(string sql)
        {
            await using var command = administrator.CreateCommand(sql);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var series = new List<(string Name, IReadOnlyList<double> Values)>();
            while (await reader.ReadAsync(cancellationToken))
            {
                if (series.Count == 0 || series[^1].Name != reader.GetString(0))
                    series.Add((reader.GetString(0), new List<double>()));
                ((List<double>)series[^1].Values).Add(Convert.ToDouble(reader.GetValue(1)));
            }
            return series;
        }
    }
}
