using System.ComponentModel;
using System.Text.Json;
using ModelContextProtocol;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;

namespace Zava.McpServer.Customers;

/// <summary>One customer and what they bought. Amounts are before tax, after discounts; what came back is negative.</summary>
/// <remarks>
/// A caller who may not know who customers are is answered by a statement that reads <c>retail.customers_masked</c>, which has
/// no name, address, number or birth date: what the process never had, no mistake in it can give away.
/// </remarks>
public sealed record CustomerHistory(
    CustomerProfile Customer,
    CustomerTotals Totals,
    [property: Description("The top-level categories with the highest net sales, 5 at most")] IReadOnlyList<FavouriteCategory> FavouriteCategories,
    [property: Description("Newest first")] IReadOnlyList<CustomerReceipt> Receipts,
    [property: Description("Send it as before for the receipts that follow; null: there are none")] Guid? NextBefore,
    string? Note)
{
    // Written by jsonb_build_object below, in the names of the answer.
    static readonly JsonSerializerOptions Parts = new(JsonSerializerOptions.Web) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <param name="now">Says which day it is where the customer buys.</param>
    /// <param name="customerId">The customer; or <c>null</c>, and <paramref name="email"/> names it.</param>
    /// <param name="before">The receipt that the page follows; <c>null</c> for the first page.</param>
    /// <param name="maySeeWho">Whether the caller may see who the customer is.</param>
    /// <exception cref="McpException">There is no such customer, or no such receipt of theirs, that the caller may see.</exception>
    internal static async Task<CustomerHistory> AskAsync(
        TenantDatabase database, TenantContext context, DateTimeOffset now, Guid? customerId, string? email, Guid? before, int limit,
        bool maySeeWho, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(context, new NpgsqlBatchCommand(Sql(isById: customerId is not null, maySeeWho))
        {
            Parameters =
            {
                new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                customerId is { } id ? new() { Value = id } : new() { Value = email },
                new() { Value = now.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = (object?)before ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
                // One more than asked for tells whether more follow.
                new() { Value = limit + 1 },
            },
        }, row => Read(row, isMasked: !maySeeWho), cancellationToken);
        var (history, hasBefore) = found switch
        {
            [var one] => one,
            [] => throw new McpException($"{(email is null ? "customer_id" : "email")}: no customer that you may see has it; execute_sales_query finds ids in retail.customers_masked."),
            _ => throw new McpException($"store_id: several stores have this customer: {string.Join(", ", found.Select(one => one.History.Customer.StoreId))}. Name one of them."),
        };
        if (before is not null && !hasBefore)
            throw new McpException("before: no receipt of this customer has it. Allowed: next_before of the answer before, or left out.");
        var more = history.Receipts.Count > limit;
        var page = more ? [.. history.Receipts.Take(limit)] : history.Receipts;
        return history with
        {
            Receipts = page,
            NextBefore = more ? page[^1].TransactionId : null,
            Note = history.Totals.LastPurchase is null && page.Count == 0 && before is null
                ? "This customer is registered, but on no receipt yet."
                : maySeeWho ? null : "Who the customer is is masked: the token lacks the scope customers.read.",
        };
    }

    static string Sql(bool isById, bool maySeeWho) => $"""
        WITH found AS MATERIALIZED (
            SELECT c.store_id, c.customer_id, s.currency, s.time_zone, ($3 AT TIME ZONE s.time_zone)::date AS today, c.loyalty_tier, c.customer_since,
                   {(maySeeWho
                       ? "c.first_name || ' ' || c.last_name AS name, c.email, c.phone, c.date_of_birth::text AS born"
                       : "c.name, c.email, c.phone, c.birth_decade || 's' AS born")}
              FROM {(maySeeWho ? "retail.customers" : "retail.customers_masked")} c
              JOIN retail.stores s ON s.store_id = c.store_id
             WHERE c.store_id = ANY ((SELECT coalesce($1, retail.current_store_ids()))::text[])
               AND {(isById ? "c.customer_id = $2" : "c.email IN ($2, lower($2))")}),
        receipts AS MATERIALIZED (
            SELECT t.store_id, t.transaction_id, t.receipt_number, t.transaction_date, t.transaction_type, t.payment_method, t.subtotal, t.tax_amount, t.total_amount,
                   t.transaction_date AT TIME ZONE f.time_zone AS clock
              FROM found f
              JOIN retail.sales_transactions t ON t.store_id = f.store_id AND t.customer_id = f.customer_id),
        page AS MATERIALIZED (
            SELECT r.*, row_number() OVER (PARTITION BY r.store_id ORDER BY r.transaction_date DESC, r.transaction_id DESC) AS place
              FROM receipts r
              LEFT JOIN receipts b ON b.store_id = r.store_id AND b.transaction_id = $4
             WHERE $4 IS NULL OR (r.transaction_date, r.transaction_id) < (b.transaction_date, b.transaction_id))
        SELECT f.store_id, f.customer_id, f.name, f.email, f.phone, f.born, f.customer_since, f.loyalty_tier, f.currency,
               t.purchases, t.other_receipts, t.net_sales, t.first_purchase, t.last_purchase, f.today - t.last_purchase,
               t.purchase_sales, t.has_before, favourites.list, listed.list
          FROM found f
         CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE transaction_type = 'sale') AS purchases, count(*) FILTER (WHERE transaction_type <> 'sale') AS other_receipts,
                   coalesce(sum(subtotal), 0) AS net_sales, coalesce(sum(subtotal) FILTER (WHERE transaction_type = 'sale'), 0) AS purchase_sales,
                   min(clock::date) FILTER (WHERE transaction_type = 'sale') AS first_purchase,
                   max(clock::date) FILTER (WHERE transaction_type = 'sale') AS last_purchase,
                   coalesce(bool_or(transaction_id = $4), FALSE) AS has_before
              FROM receipts r WHERE r.store_id = f.store_id) AS t
         CROSS JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object('category', category, 'units', units, 'net_sales', net_sales) ORDER BY net_sales DESC, category) AS list
              FROM (SELECT coalesce(parent.category_name, c.category_name, 'uncategorised') AS category,
                           sum(CASE i.line_type WHEN 'sold' THEN i.quantity ELSE -i.quantity END) AS units,
                           sum(CASE i.line_type WHEN 'sold' THEN i.total_price ELSE -i.total_price END) AS net_sales
                      FROM receipts r
                      JOIN retail.sales_transaction_items i ON i.store_id = r.store_id AND i.transaction_id = r.transaction_id
                      JOIN retail.products p ON p.store_id = i.store_id AND p.product_id = i.product_id
                      LEFT JOIN retail.product_categories c ON c.category_id = p.category_id
                      LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
                     WHERE r.store_id = f.store_id
                     GROUP BY 1
                     ORDER BY net_sales DESC, category
                     LIMIT 5) AS best) AS favourites
         CROSS JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object(
                       'transaction_id', p.transaction_id, 'receipt_number', p.receipt_number, 'date_time', date_trunc('second', p.clock),
                       'type', p.transaction_type, 'payment_method', p.payment_method, 'net_sales', p.subtotal, 'tax', p.tax_amount, 'total', p.total_amount,
                       'line_count', lines.count, 'lines', coalesce(lines.list, '[]')) ORDER BY p.place) AS list
              FROM page p
             CROSS JOIN LATERAL (
                SELECT max(total) AS count,
                       jsonb_agg(jsonb_build_object('sku', sku, 'product_name', product_name, 'type', line_type, 'quantity', quantity, 'amount', total_price)
                                 ORDER BY place) AS list
                  FROM (SELECT i.sku, i.product_name, i.line_type, i.quantity, i.total_price, i.place, i.total
                          FROM (SELECT q.sku, q.product_name, l.line_type, l.quantity, l.total_price,
                                       row_number() OVER (ORDER BY l.line_type DESC, l.total_price DESC, l.item_id) AS place, count(*) OVER () AS total
                                  FROM retail.sales_transaction_items l
                                  JOIN retail.products q ON q.store_id = l.store_id AND q.product_id = l.product_id
                                 WHERE l.store_id = p.store_id AND l.transaction_id = p.transaction_id) AS i
                         WHERE i.place <= 10) AS first) AS lines
             WHERE p.store_id = f.store_id AND p.place <= $5) AS listed
         ORDER BY f.store_id
        """;

    static (CustomerHistory History, bool HasBefore) Read(NpgsqlDataReader row, bool isMasked)
    {
        var (purchases, purchaseSales) = (row.GetInt64(9), row.GetDecimal(15));
        return (
            new(
                new(row.GetString(0), row.GetGuid(1), isMasked, row.GetString(2), row.GetString(3), row.GetNullable<string>(4), row.GetNullable<string>(5),
                    row.GetNullable<DateOnly?>(6), row.GetNullable<string>(7)),
                new(row.GetString(8), purchases, row.GetInt64(10), row.GetDecimal(11),
                    purchases == 0 ? 0 : decimal.Round(purchaseSales / purchases, 2, MidpointRounding.AwayFromZero),
                    row.GetNullable<DateOnly?>(12), row.GetNullable<DateOnly?>(13), row.GetNullable<int?>(14)),
                List<FavouriteCategory>(17), List<CustomerReceipt>(18), NextBefore: null, Note: null),
            row.GetBoolean(16));

        List<T> List<T>(int column) => row.IsDBNull(column) ? [] : JsonSerializer.Deserialize<List<T>>(row.GetString(column), Parts)!;
    }
}

/// <summary>Who it is, as far as the caller may know.</summary>
public sealed record CustomerProfile(
    string StoreId, Guid CustomerId,
    [property: Description("Whether name, email, phone and birth_date are masked")] bool IsMasked,
    [property: Description("Masked: initials")] string Name,
    [property: Description("Masked: the first letter")] string Email,
    [property: Description("Masked: the last two digits")] string? Phone,
    [property: Description("Such as 1984-03-02; masked: 1980s")] string? BirthDate,
    DateOnly? CustomerSince, string? LoyaltyTier);

/// <summary>What all receipts of a customer come to.</summary>
public sealed record CustomerTotals(
    [property: Description("ISO 4217 code of all amounts")] string Currency,
    [property: Description("Receipts of type sale")] long Purchases,
    [property: Description("Returns and exchanges")] long OtherReceipts,
    [property: Description("Less returns")] decimal NetSales,
    [property: Description("Net sales of a purchase, before returns")] decimal AverageBasket,
    [property: Description("Days of the store")] DateOnly? FirstPurchase,
    DateOnly? LastPurchase,
    int? DaysSinceLastPurchase);

/// <summary>A category that a customer buys from: sold less returned.</summary>
public sealed record FavouriteCategory(string Category, long Units, decimal NetSales);

/// <summary>A receipt of a customer.</summary>
public sealed record CustomerReceipt(
    Guid TransactionId, string? ReceiptNumber,
    [property: Description("By the clock of the store")] DateTime DateTime,
    [property: Description("sale, return or exchange")] string Type,
    string? PaymentMethod, decimal NetSales, decimal Tax,
    [property: Description("net_sales + tax")] decimal Total,
    [property: Description("How many lines it has; 10 are listed at most, sold ones first")] long LineCount,
    IReadOnlyList<ReceiptLine> Lines);

/// <summary>A line of a receipt.</summary>
public sealed record ReceiptLine(
    string Sku, string ProductName,
    [property: Description("sold or returned")] string Type,
    int Quantity,
    [property: Description("After discounts, positive")] decimal Amount);
