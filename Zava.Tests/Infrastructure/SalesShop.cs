using System.Security.Claims;
using Npgsql;
using Zava.Database;
using Zava.McpServer;
using Zava.McpServer.Tools;
using Zava.Seeder;
using Zava.Seeder.SampleData;

namespace Zava.Tests.Infrastructure;

/// <summary>
/// The sample shop, and beside it stores of which every receipt is known: <c>solo</c> in New York, <c>tokyo</c> with yen,
/// <c>havana</c>, whose clocks change at midnight, <c>single</c> with one receipt, and <c>bare</c> with none.
/// </summary>
public sealed class SalesShop(DatabaseTemplate template) : IAsyncLifetime
{
    public static readonly DateOnly LastSampleDay = new(2026, 3, 31);

    public TestDatabase Database { get; private set; } = null!;

    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await template.CreateDatabaseAsync();
        await new SampleDataLoader(Database.ConnectionString(DatabaseRole.Seeder)).LoadAsync(
            new SeedOptions(Scale: 1, SeedOptions.DefaultSeed, LastSampleDay), asOfWasGiven: true,
            new Progress<SampleDataLoader.Progress>(), TestContext.Current.CancellationToken);
        await Database.ExecuteAsync("""
            INSERT INTO retail.stores (store_id, store_name, time_zone, currency) VALUES
                ('solo', 'Solo', 'America/New_York', 'USD'), ('tokyo', 'Tokyo', 'Asia/Tokyo', 'JPY'), ('havana', 'Havana', 'America/Havana', 'CUP'),
                ('single', 'Single', 'Europe/Paris', 'EUR'), ('bare', 'Bare', 'America/Los_Angeles', 'USD')
            """);
        await Database.ExecuteAsync("""
            INSERT INTO retail.products (store_id, sku, product_name, price, cost, category_id)
            SELECT store_id, sku, sku, 10, cost, (SELECT category_id FROM retail.product_categories WHERE category_name = category)
              FROM unnest(ARRAY['solo', 'tokyo', 'havana', 'single']) AS store_id,
                   (VALUES ('A', 4.0, 'Electronics'), ('B', 12.0, 'Clothing'), ('C', NULL, 'Clothing'), ('D', 1.0, NULL)) AS product (sku, cost, category)
            """);
        Server = await RunningServer.StartAsync(Database);
    }

    /// <summary>Writes a receipt and its lines, with a tenth of tax.</summary>
    /// <param name="utc">When, in UTC, as 2024-02-29 04:59:59.</param>
    /// <param name="lines">SKU, quantity (negative: returned) and discount of each.</param>
    public async Task<Guid> AddAsync(string store, string utc, params (string Sku, int Quantity, decimal Discount)[] lines)
    {
        var type = (lines.Any(line => line.Quantity > 0), lines.Any(line => line.Quantity < 0)) switch
        {
            (true, true) => "exchange",
            (true, false) => "sale",
            _ => "return",
        };
        var net = lines.Sum(line => line.Quantity * 10 - Math.Sign(line.Quantity) * line.Discount);
        var id = await Database.ScalarAsync<Guid>("""
            INSERT INTO retail.sales_transactions (store_id, transaction_date, transaction_type, payment_method, subtotal, tax_amount, total_amount)
            VALUES ($1, ($2 || ' UTC')::timestamptz, $3, 'cash', $4, $4 / 10, $4 + $4 / 10) RETURNING transaction_id
            """, store, utc, type, net);
        foreach (var (sku, quantity, discount) in lines)
            await Database.ExecuteAsync("""
                INSERT INTO retail.sales_transaction_items (store_id, transaction_id, product_id, line_type, original_item_id, quantity, unit_price, total_price, discount_amount, tax_amount)
                SELECT $1, $2, product_id, CASE WHEN $4 > 0 THEN 'sold' ELSE 'returned' END,
                       CASE WHEN $4 < 0 THEN (SELECT i.item_id FROM retail.sales_transaction_items i WHERE i.store_id = $1 AND i.product_id = p.product_id AND i.line_type = 'sold' LIMIT 1) END,
                       abs($4), 10, abs($4) * 10 - $5, $5, (abs($4) * 10 - $5) / 10
                  FROM retail.products p WHERE p.store_id = $1 AND p.sku = $3
                """, store, id, sku, quantity, discount);
        return id;
    }

    /// <summary>The tools, where it is a given time.</summary>
    public SalesTools At(string utc) => new(Tenants, Clock(utc));

    /// <summary>The tools about customers, where it is a given time.</summary>
    public CustomerTools CustomersAt(string utc) => new(Tenants, Clock(utc));

    TenantDatabase Tenants => new(Database.As(DatabaseRole.Application), new ContextSealer(Database.Key, TimeProvider.System));

    static StoppedClock Clock(string utc) => new(DateTimeOffset.Parse($"{utc}Z", System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>The day after the last of the sample data.</summary>
    public SalesTools Tools => At("2026-04-01 20:00");

    public static ClaimsPrincipal Of(params string[] stores) =>
        new(new ClaimsIdentity([new("sub", "ada"), .. stores.Select(store => new Claim(Caller.StoresClaim, store))]));

    /// <summary>Rows as the superuser sees them.</summary>
    public async Task<List<T>> RowsAsync<T>(string sql, Func<NpgsqlDataReader, T> read, params object[] parameters)
    {
        await using var command = Database.As(null).CreateCommand(sql);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter });
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
            rows.Add(read(reader));
        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Database.DisposeAsync();
    }

    sealed class StoppedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
