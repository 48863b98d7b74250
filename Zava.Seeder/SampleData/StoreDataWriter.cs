using Npgsql;
using NpgsqlTypes;

namespace Zava.Seeder.SampleData;

/// <summary>Writes the rows of one store by binary COPY.</summary>
sealed class StoreDataWriter(NpgsqlConnection connection, IReadOnlyDictionary<string, int> categoryIds, DateTime loadedAt)
{
    public Task<ulong> WriteCustomersAsync(StoreData data, CancellationToken cancellationToken) => CopyAsync(
        "customers (store_id, customer_id, first_name, last_name, email, phone, date_of_birth, gender, customer_since, loyalty_tier, total_lifetime_value, created_at, updated_at)",
        data.Customers, cancellationToken, customer =>
        [
            data.Store.Id, customer.Id, customer.FirstName, customer.LastName, customer.Email, customer.Phone,
            customer.DateOfBirth, customer.Gender, customer.Since, customer.LoyaltyTier, customer.LifetimeValue,
            Midnight(customer.Since), loadedAt,
        ]);

    public Task<ulong> WriteProductsAsync(StoreData data, CancellationToken cancellationToken) => CopyAsync(
        "products (store_id, product_id, sku, product_name, product_description, category_id, brand, model, color, size, weight_kg, dimensions_cm, price, cost, current_stock, minimum_stock, maximum_stock, reorder_point, supplier_name, supplier_sku, is_featured, rating_average, rating_count, tags, metadata, created_at, updated_at)",
        data.Products, cancellationToken, product =>
        [
            data.Store.Id, product.Id, product.Sku, product.Name, product.Description, categoryIds[product.Subcategory],
            product.Brand, product.Model, product.Color, product.Size, product.WeightKg, product.DimensionsCm, product.Price,
            product.Cost, product.Stock, product.MinimumStock, product.MaximumStock, product.ReorderPoint, product.Supplier,
            product.SupplierSku, product.IsFeatured, product.Rating, product.RatingCount, product.Tags,
            new NpgsqlParameter { Value = product.Metadata, NpgsqlDbType = NpgsqlDbType.Jsonb },
            Midnight(product.Since), loadedAt,
        ]);

    public Task<ulong> WriteTransactionsAsync(StoreData data, CancellationToken cancellationToken) => CopyAsync(
        "sales_transactions (store_id, transaction_id, customer_id, transaction_date, transaction_type, payment_method, subtotal, tax_amount, discount_amount, total_amount, cashier_id, register_id, receipt_number, created_at)",
        data.Transactions, cancellationToken, sale =>
        [
            data.Store.Id, sale.Id, sale.Customer.Id, sale.Date, sale.Type, sale.Payment, sale.Subtotal, sale.Tax,
            sale.Discount, sale.Subtotal + sale.Tax, sale.Cashier, sale.Register, sale.Receipt, sale.Date,
        ]);

    public Task<ulong> WriteItemsAsync(StoreData data, CancellationToken cancellationToken) => CopyAsync(
        "sales_transaction_items (store_id, item_id, transaction_id, product_id, line_type, original_item_id, quantity, unit_price, total_price, discount_amount, tax_amount, created_at)",
        data.Transactions.SelectMany(sale => sale.Items, (sale, item) => (sale, item)), cancellationToken, line =>
        [
            data.Store.Id, line.item.Id, line.sale.Id, line.item.Product.Id, line.item.Original is null ? "sold" : "returned",
            line.item.Original?.Id, line.item.Quantity, line.item.UnitPrice, line.item.Total, line.item.Discount,
            line.item.Tax, line.sale.Date,
        ]);

    async Task<ulong> CopyAsync<T>(
        string target, IEnumerable<T> rows, CancellationToken cancellationToken, Func<T, object?[]> values)
    {
        await using var copy = await connection.BeginBinaryImportAsync($"COPY retail.{target} FROM STDIN (FORMAT BINARY)", cancellationToken);
        foreach (var row in rows)
        {
            await copy.StartRowAsync(cancellationToken);
            foreach (var value in values(row))
                await (value switch
                {
                    null => copy.WriteNullAsync(cancellationToken),
                    NpgsqlParameter typed => copy.WriteAsync(typed.Value, typed.NpgsqlDbType, cancellationToken),
                    _ => copy.WriteAsync(value, cancellationToken),
                });
        }
        return await copy.CompleteAsync(cancellationToken);
    }

    static DateTime Midnight(DateOnly date) => date.ToDateTime(default, DateTimeKind.Utc);
}
