using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol.Server;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.McpServer.Writes;

namespace Zava.McpServer.Tools;

/// <summary>What changes something: each call once, all of it or nothing. What they do is in <see cref="Writes"/>.</summary>
[McpServerToolType]
public sealed class WriteTools(TenantDatabase database)
{
    const string StoreIdDescription = "The store, such as seattle; may be left out if you have only one";

    [McpServerTool(Name = "adjust_stock", Title = "Change stock", ReadOnly = false, Destructive = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Authorize(Policy = Scopes.InventoryWrite)]
    [Description("Changes the stock of one product, named by sku or product_id, by change or, after a count, to new_quantity. Never below 0. For goods sold use record_sale.")]
    public Task<StockAdjustment> AdjustStockAsync(
        [Description("delivery (change above 0); damaged, lost, returned_to_supplier (below 0); correction; counted (new_quantity)"),
         AllowedValues("delivery", "damaged", "lost", "returned_to_supplier", "correction", "counted")] string reason,
        [Description(IdempotentWrite.KeyDescription), StringLength(100, MinimumLength = 8)] string idempotency_key,
        [Description("SKU, such as OSK-104233"), StringLength(50, MinimumLength = 1)] string? sku = null,
        [Description("Instead of sku")] Guid? product_id = null,
        [Description("Units that came or, negative, went, such as -2"), Range(-1_000_000, 1_000_000)] int? change = null,
        [Description("Units counted, instead of change"), Range(0, 1_000_000)] int? new_quantity = null,
        [Description("Refuse if the stock is not this any more"), Range(0, int.MaxValue)] int? expected_stock = null,
        [Description("What else there is to say"), StringLength(200, MinimumLength = 1)] string? note = null,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        StockAdjustment.ApplyAsync(
            database, Caller.Require(user).ForOne("adjust_stock", store_id), idempotency_key,
            new(product_id, sku, change, new_quantity, expected_stock, reason, note), cancellationToken);

    [McpServerTool(Name = "record_sale", Title = "Record a sale", ReadOnly = false, Destructive = false, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Authorize(Policy = Scopes.SalesWrite)]
    [Description("Records a sale at shelf prices and takes the goods from stock: all lines or none. The server computes discounts, 8 % tax and totals, and numbers the receipt. It cannot be undone here: ask before you sell.")]
    public Task<RecordedSale> RecordSaleAsync(
        [Description("1 to 50, such as [{\"sku\": \"OSK-104233\", \"quantity\": 2}]"), Length(1, 50)] SaleLine[] lines,
        [Description("No cash online"), AllowedValues("cash", "credit_card", "debit_card", "digital_wallet")] string payment_method,
        [Description(IdempotentWrite.KeyDescription), StringLength(100, MinimumLength = 8)] string idempotency_key,
        [Description("UUID of the customer, if known")] Guid? customer_id = null,
        [Description("Such as CASHIER3"), StringLength(50, MinimumLength = 1)] string? cashier_id = null,
        [Description("Such as REG2"), StringLength(50, MinimumLength = 1)] string? register_id = null,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        RecordedSale.RecordAsync(
            database, Caller.Require(user).ForOne("record_sale", store_id), idempotency_key,
            new(lines, payment_method, customer_id, cashier_id, register_id), cancellationToken);
}
