using ModelContextProtocol;
using Zava.Database;
using Zava.McpServer.Tools;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>What is to be reordered, checked product by product against the tables.</summary>
public sealed class InventoryToolsTests(SalesShop shop) : IClassFixture<SalesShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    static readonly DateTime Now = new(2026, 4, 1, 20, 0, 0, DateTimeKind.Utc);

    InventoryTools Tools => new(
        new TenantDatabase(shop.Database.As(DatabaseRole.Application), new ContextSealer(shop.Database.Key, TimeProvider.System)), new StoppedClock());

    sealed record Shelf(string Sku, int Stock, int ReorderPoint, int Maximum, decimal? Cost, long Units);

    Task<List<Shelf>> ShelvesAsync(string store, int days) => shop.RowsAsync("""
        SELECT sku, current_stock, reorder_point, maximum_stock, cost,
               (SELECT coalesce(sum(quantity) FILTER (WHERE line_type = 'sold'), 0) - coalesce(sum(quantity) FILTER (WHERE line_type = 'returned'), 0)
                  FROM retail.sales_transaction_items i WHERE i.store_id = p.store_id AND i.product_id = p.product_id AND i.created_at >= $2 AND i.created_at < $3)
          FROM retail.products p WHERE store_id = $1 AND is_active
        """,
        row => new Shelf(row.GetString(0), row.GetInt32(1), row.GetInt32(2), row.GetInt32(3), row.IsDBNull(4) ? null : row.GetDecimal(4), row.GetInt64(5)),
        store, Now.AddDays(-days), Now);

    [Theory]
    [InlineData("seattle", 0, 28)]
    [InlineData("seattle", 14, 28)]
    [InlineData("online", 30, 90)]
    public async Task Every_product_that_runs_low_is_listed_and_no_other(string store, int coverDays, int salesDays)
    {
        var answer = await Tools.GetAlertsAsync(coverDays, salesDays, store, limit: 100, SalesShop.Of("seattle", "online"), Cancellation);
        var shelves = await ShelvesAsync(store, salesDays);
        var low = shelves.Where(shelf => shelf.Stock <= shelf.ReorderPoint || (shelf.Units > 0 && (decimal)shelf.Stock * salesDays / shelf.Units < coverDays - .05m)).ToDictionary(shelf => shelf.Sku);
        Assert.NotEmpty(low);
        Assert.Equal(low.Keys.Order(), answer.Products.Select(product => product.Sku).Order());
        Assert.Equal(low.Count, answer.Alerts);
        foreach (var product in answer.Products)
        {
            var shelf = low[product.Sku];
            Assert.Equal((shelf.Stock, shelf.ReorderPoint, Math.Max(shelf.Units, 0), shelf.Maximum - shelf.Stock, (shelf.Maximum - shelf.Stock) * shelf.Cost, store, "USD"),
                (product.CurrentStock, product.ReorderPoint, product.UnitsSold, product.SuggestedQuantity, product.OrderCost, product.StoreId, product.Currency));
            Assert.Equal(shelf.Units > 0 ? Math.Round((decimal)shelf.Stock * salesDays / shelf.Units, 1, MidpointRounding.AwayFromZero) : null, product.DaysOfCover);
        }
        var urgency = answer.Products.Select(product => (product.CurrentStock > 0, product.DaysOfCover ?? decimal.MaxValue)).ToList();
        Assert.Equal(urgency.Order(), urgency);
    }

    [Fact]
    public async Task A_store_without_sales_or_products_has_an_answer()
    {
        Assert.Empty((await Tools.GetAlertsAsync(user: SalesShop.Of("bare"), cancellationToken: Cancellation)).Products);
        // The products of this one have a reorder point of 10 and were never stocked.
        var single = await Tools.GetAlertsAsync(user: SalesShop.Of("single"), cancellationToken: Cancellation);
        Assert.Equal((4L, null, 1_000, "EUR"), (single.Alerts, single.Products[0].DaysOfCover, single.Products[0].SuggestedQuantity, single.Products[0].Currency));
    }

    [Fact]
    public async Task A_limit_says_how_many_there_are()
    {
        var answer = await Tools.GetAlertsAsync(cover_days: 30, limit: 2, user: SalesShop.Of("seattle"), cancellationToken: Cancellation);
        Assert.Equal(2, answer.Products.Count);
        Assert.True(answer.Alerts > 2);
        Assert.StartsWith("There are more", answer.Note);
    }

    [Fact]
    public async Task Another_store_is_refused_and_nothing_of_it_is_listed()
    {
        await Assert.ThrowsAnyAsync<McpException>(() => Tools.GetAlertsAsync(store_id: "redmond", user: SalesShop.Of("seattle"), cancellationToken: Cancellation));
        var answer = await Tools.GetAlertsAsync(cover_days: 90, limit: 100, user: SalesShop.Of("seattle"), cancellationToken: Cancellation);
        Assert.All(answer.Products, product => Assert.Equal("seattle", product.StoreId));
    }

    sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }
}
