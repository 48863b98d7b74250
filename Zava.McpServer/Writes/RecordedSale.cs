using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using ModelContextProtocol;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Writes;

/// <summary>The receipt of a sale. Amounts are the server's, in the store's currency.</summary>
public sealed record RecordedSale(
    string StoreId, Guid TransactionId, string ReceiptNumber,
    [property: Description("UTC")] DateTime SoldAt,
    IReadOnlyList<SoldLine> Lines,
    [property: Description("Sum of the lines, after discounts, before tax")] decimal Subtotal,
    [property: Description("Already taken off subtotal")] decimal Discount,
    decimal Tax,
    [property: Description("subtotal + tax: what the customer pays")] decimal Total,
    [property: Description("ISO 4217 code")] string Currency,
    [property: Description("True: an earlier call with this key did it; this one sold nothing")] bool AlreadyRecorded)
{
    /// <summary>What a call asks for.</summary>
    internal sealed record Request(SaleLine[] Lines, string PaymentMethod, Guid? CustomerId, string? CashierId, string? RegisterId);

    /// <exception cref="McpException">A line names no product or two, or the sale was refused.</exception>
    internal static Task<RecordedSale> RecordAsync(
        TenantDatabase database, TenantContext context, string key, Request request, CancellationToken cancellationToken)
    {
        if (request.Lines.Index().FirstOrDefault(line => line.Item.ProductId is null == line.Item.Sku is null) is { Item: not null } wrong)
            throw new McpException($"lines[{wrong.Index}]: exactly one of product_id and sku must be given.");
        return IdempotentWrite.RunAsync<RecordedSale>(database, context, "record_sale", key, request,
        [
            new() { Value = JsonSerializer.Serialize(request.Lines, Extensions.ResultJson), NpgsqlDbType = NpgsqlDbType.Jsonb },
            new() { Value = request.PaymentMethod },
            IdempotentWrite.Optional(request.CustomerId, NpgsqlDbType.Uuid),
            IdempotentWrite.Optional(request.CashierId, NpgsqlDbType.Text),
            IdempotentWrite.Optional(request.RegisterId, NpgsqlDbType.Text),
        ], cancellationToken);
    }
}

/// <summary>What is sold of a product.</summary>
public sealed record SaleLine(
    [property: Range(1, 100)] int Quantity,
    [property: StringLength(50, MinimumLength = 1)] string? Sku = null,
    [property: Description("Instead of sku")] Guid? ProductId = null,
    [property: Description("Percent off the shelf price, 5 to 25; left out: none"), Range(5.0, 25.0)] decimal? DiscountPercent = null);

/// <summary>A line of a receipt.</summary>
public sealed record SoldLine(
    string Sku, string ProductName, int Quantity, decimal UnitPrice, decimal Discount,
    [property: Description("quantity x unit_price - discount, before tax")] decimal Total,
    int StockLeft);
