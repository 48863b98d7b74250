namespace Zava.Tests.Infrastructure;

/// <summary>The customers of a <see cref="SalesShop"/>, as the superuser sees them.</summary>
static class SalesShopCustomers
{
    public sealed record Person(Guid Id, string First, string Last, string Email, string Phone, string Born, string Tier);

    public sealed record Receipt(Guid Id, Guid Customer, DateTime Utc, string Type, decimal Net);

    public static Task<List<Person>> PeopleAsync(this SalesShop shop, string store) => shop.RowsAsync(
        "SELECT customer_id, first_name, last_name, email, phone, date_of_birth::text, loyalty_tier FROM retail.customers WHERE store_id = $1 ORDER BY customer_id",
        row => new Person(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6)), store);

    public static Task<List<Receipt>> ReceiptsAsync(this SalesShop shop, string store) => shop.RowsAsync(
        "SELECT transaction_id, customer_id, transaction_date, transaction_type, subtotal FROM retail.sales_transactions WHERE store_id = $1 AND customer_id IS NOT NULL",
        row => new Receipt(row.GetGuid(0), row.GetGuid(1), row.GetDateTime(2), row.GetString(3), row.GetDecimal(4)), store);

    /// <summary>The customer of a store with the most receipts.</summary>
    public static async Task<Guid> BusiestAsync(this SalesShop shop, string store) =>
        (await shop.ReceiptsAsync(store)).GroupBy(receipt => receipt.Customer).OrderByDescending(group => group.Count()).ThenBy(group => group.Key).First().Key;
}
