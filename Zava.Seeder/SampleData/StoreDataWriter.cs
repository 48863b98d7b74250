using System.Globalization;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Zava.Seeder.SampleData;

/// <summary>Writes the rows of one store by binary COPY.</summary>
sealed class StoreDataWriter(NpgsqlConnection connection, IReadOnlyDictionary<string, int> categoryIds, DateTime loadedAt)
{
    public Task<ulong> WriteCustomersAsync(StoreData data, CancellationToken cancellationToken) => CopyAsync(
        "customers (store_id, customer_id, first_name, last_name, email, phone, date_of_birth, gender, customer_since, loyalty_tier, total_lifetime_value, created_at, updated_at)",
        data.Customers, (copy, customer) =>
        {
            copy.Write(data.Store.Id);
            copy.Write(customer.Id);
            copy.Write(customer.FirstName);
            copy.Write(customer.LastName);
            copy.Write(customer.Email);
            copy.Write(customer.Phone);
            copy.Write(customer.DateOfBirth);
            copy.Write(customer.Gender);
            copy.Write(customer.Since);
            copy.Write(customer.LoyaltyTier);
            copy.Write(customer.LifetimeValue);
            copy.Write(Midnight(customer.Since));
            copy.Write(loadedAt);
        }, cancellationToken);

    public Task<ulong> WriteProductsAsync(StoreData data, CancellationToken cancellationToken) => CopyAsync(
        "products (store_id, product_id, sku, product_name, product_description, category_id, brand, model, color, size, weight_kg, dimensions_cm, price, cost, current_stock, minimum_stock, maximum_stock, reorder_point, supplier_name, supplier_sku, is_featured, rating_average, rating_count, tags, metadata, created_at, updated_at)",
        data.Products, (copy, product) =>
        {
            copy.Write(data.Store.Id);
            copy.Write(product.Id);
            copy.Write(product.Sku);
            copy.Write(product.Name);
            copy.Write(product.Description);
            copy.Write(categoryIds[product.Kind.Subcategory]);
            copy.Write(product.Brand);
            copy.Write(product.Model);
            copy.Write(product.Color);
            WriteOrNull(copy, product.Size);
            copy.Write(product.WeightKg);
            copy.Write(string.Join('x', product.Kind.DimensionsCm.Select(cm => cm.ToString("0.#", CultureInfo.InvariantCulture))));
            copy.Write(product.Price);
            copy.Write(product.Cost);
            copy.Write(product.Stock);
            copy.Write(product.MinimumStock);
            copy.Write(product.MaximumStock);
            copy.Write(product.ReorderPoint);
            copy.Write(product.Kind.Supplier);
            copy.Write(product.SupplierSku);
            copy.Write(product.IsFeatured);
            copy.Write(product.Rating);
            // One buyer in four writes a review, and some did before.
            copy.Write(product.Reviews + product.UnitsSold / 4);
            copy.Write(product.Kind.Tags.ToArray());
            copy.Write(JsonSerializer.Serialize(new Dictionary<string, object>(product.Attributes)
            {
                ["opening_stock"] = product.OpeningStock,
                ["deliveries"] = product.Deliveries,
            }, JsonSerializerOptions.Web), NpgsqlDbType.Jsonb);
            copy.Write(Midnight(product.Since));
            copy.Write(loadedAt);
        }, cancellationToken);

    public Task<ulong> WriteTransactionsAsync(StoreData data, IReadOnlyList<Transaction> transactions, CancellationToken cancellationToken) => CopyAsync(
        "sales_transactions (store_id, transaction_id, customer_id, transaction_date, transaction_type, payment_method, subtotal, tax_amount, discount_amount, total_amount, cashier_id, register_id, receipt_number, notes, created_at)",
        transactions, (copy, sale) =>
        {
            copy.Write(data.Store.Id);
            copy.Write(sale.Id);
            copy.Write(sale.Customer.Id);
            copy.Write(sale.Date);
            copy.Write(sale.Type);
            copy.Write(sale.Payment);
            copy.Write(sale.Subtotal);
            copy.Write(sale.Tax);
            copy.Write(sale.Discount);
            copy.Write(sale.Subtotal + sale.Tax);
            copy.Write(sale.Cashier);
            copy.Write(sale.Register);
            copy.Write(sale.Receipt);
            WriteOrNull(copy, sale.Reason);
            copy.Write(sale.Date);
        }, cancellationToken);

    public Task<ulong> WriteItemsAsync(StoreData data, IReadOnlyList<Transaction> transactions, CancellationToken cancellationToken) => CopyAsync(
        "sales_transaction_items (store_id, item_id, transaction_id, product_id, line_type, original_item_id, quantity, unit_price, total_price, discount_amount, tax_amount, created_at)",
        transactions.SelectMany(sale => sale.Items, (sale, item) => (sale, item)), (copy, line) =>
        {
            var (sale, item) = line;
            copy.Write(data.Store.Id);
            copy.Write(item.Id);
            copy.Write(sale.Id);
            copy.Write(item.Product.Id);
            copy.Write(item.Original is null ? "sold" : "returned");
            if (item.Original is null)
                copy.WriteNull();
            else
                copy.Write(item.Original.Id);
            copy.Write(item.Quantity);
            copy.Write(item.UnitPrice);
            copy.Write(item.Total);
            copy.Write(item.Discount);
            copy.Write(item.Tax);
            copy.Write(sale.Date);
        }, cancellationToken);

    // Written synchronously, on a thread of its own: a task for each value would cost more than the value.
    Task<ulong> CopyAsync<T>(string target, IEnumerable<T> rows, Action<NpgsqlBinaryImporter, T> write, CancellationToken cancellationToken) => Task.Run(() =>
    {
        using var copy = connection.BeginBinaryImport($"COPY retail.{target} FROM STDIN (FORMAT BINARY)");
        foreach (var row in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            copy.StartRow();
            write(copy, row);
        }
        return copy.Complete();
    }, cancellationToken);

    static void WriteOrNull(NpgsqlBinaryImporter copy, string? text)
    {
        if (text is null)
            copy.WriteNull();
        else
            copy.Write(text);
    }

    static DateTime Midnight(DateOnly date) => date.ToDateTime(default, DateTimeKind.Utc);
}
