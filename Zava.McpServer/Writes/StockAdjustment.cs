using System.ComponentModel;
using ModelContextProtocol;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Writes;

/// <summary>A change of the stock of one product that no receipt explains.</summary>
public sealed record StockAdjustment(
    string StoreId, Guid ProductId, string Sku, string ProductName, int StockBefore, int Change, int CurrentStock,
    [property: Description("Stock at or below this level should be reordered")] int ReorderPoint,
    [property: Description("UTC")] DateTime AdjustedAt,
    [property: Description("True: an earlier call with this key did it; this one changed nothing")] bool AlreadyRecorded)
{
    /// <summary>What a call asks for.</summary>
    internal sealed record Request(Guid? ProductId, string? Sku, int? Change, int? NewQuantity, int? ExpectedStock, string Reason, string? Note);

    /// <exception cref="McpException">What is asked for does not fit together, or the change was refused.</exception>
    internal static Task<StockAdjustment> ApplyAsync(
        TenantDatabase database, TenantContext context, string key, Request request, CancellationToken cancellationToken)
    {
        if (Problem(request) is { } problem)
            throw new McpException(problem);
        return IdempotentWrite.RunAsync<StockAdjustment>(database, context, "adjust_stock", key, request,
        [
            IdempotentWrite.Optional(request.ProductId, NpgsqlDbType.Uuid),
            IdempotentWrite.Optional(request.Sku, NpgsqlDbType.Text),
            IdempotentWrite.Optional(request.Change, NpgsqlDbType.Integer),
            IdempotentWrite.Optional(request.NewQuantity, NpgsqlDbType.Integer),
            IdempotentWrite.Optional(request.ExpectedStock, NpgsqlDbType.Integer),
            new() { Value = request.Reason },
            IdempotentWrite.Optional(request.Note, NpgsqlDbType.Text),
        ], cancellationToken);
    }

    static string? Problem(Request request) => request switch
    {
        { ProductId: null, Sku: null } or { ProductId: not null, Sku: not null } => "product_id, sku: exactly one of the two must be given.",
        { Change: null, NewQuantity: null } or { Change: not null, NewQuantity: not null } => "change, new_quantity: exactly one of the two must be given.",
        { Reason: "counted", NewQuantity: null } => "new_quantity: must be given with the reason counted, instead of change.",
        { Reason: not "counted", NewQuantity: not null } => $"reason: '{request.Reason}' was sent with new_quantity. Allowed: counted; or change instead of new_quantity.",
        { Change: 0 } => "change: 0 was sent. Allowed: a whole number other than 0.",
        { Reason: "delivery", Change: < 0 } => $"change: {request.Change} was sent. Allowed with the reason delivery: more than 0.",
        { Reason: "damaged" or "lost" or "returned_to_supplier", Change: > 0 } => $"change: {request.Change} was sent. Allowed with the reason {request.Reason}: less than 0.",
        _ => null,
    };
}
