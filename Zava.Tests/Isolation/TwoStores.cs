using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>A database in which Seattle and Redmond each have a customer, a product with an embedding, and a sale.</summary>
public sealed class TwoStores(DatabaseTemplate template) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public ContextSealer Sealer => new(Database.Key, TimeProvider.System);

    public async ValueTask InitializeAsync()
    {
        Database = await template.CreateDatabaseAsync();
        foreach (var store in (string[])["seattle", "redmond"])
            await Database.ExecuteAsync("""
                WITH customer AS (
                    INSERT INTO retail.customers (store_id, first_name, last_name, email)
                    VALUES ($1, 'Ada', 'Of ' || $1, $1 || '@example.com') RETURNING customer_id),
                product AS (
                    INSERT INTO retail.products (store_id, sku, product_name, price, cost)
                    VALUES ($1, 'SECRET-' || $1, 'Secret of ' || $1, 10, 4) RETURNING product_id),
                embedding AS (
                    INSERT INTO retail.product_embeddings (store_id, product_id, embedding_text, embedding, embedding_model)
                    SELECT $1, product_id, 'text', array_fill(1::real, ARRAY[512])::vector::halfvec, 'universal-sentence-encoder-lite' FROM product),
                sale AS (
                    INSERT INTO retail.sales_transactions (store_id, customer_id, subtotal, tax_amount, total_amount, receipt_number)
                    SELECT $1, customer_id, 10, 0.80, 10.80, 'R1' FROM customer RETURNING transaction_id)
                INSERT INTO retail.sales_transaction_items (store_id, transaction_id, product_id, quantity, unit_price, total_price, tax_amount)
                SELECT $1, transaction_id, product_id, 1, 10, 10, 0.80 FROM sale, product
                """, store);
        await Database.ExecuteAsync("UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = 'universal-sentence-encoder-lite'");
    }

    /// <summary>Values that only a store knows: whoever sees one has learnt something of it.</summary>
    public async Task<string[]> SecretsOfAsync(string store)
    {
        var ids = await Database.ScalarAsync<string>("""
            SELECT string_agg(id::text, ' ') FROM (
                SELECT customer_id FROM retail.customers WHERE store_id = $1
                UNION ALL SELECT product_id FROM retail.products WHERE store_id = $1
                UNION ALL SELECT transaction_id FROM retail.sales_transactions WHERE store_id = $1
                UNION ALL SELECT item_id FROM retail.sales_transaction_items WHERE store_id = $1
                UNION ALL SELECT embedding_id FROM retail.product_embeddings WHERE store_id = $1) AS ids (id)
            """, store);
        return [$"{store}@example.com", $"Of {store}", $"SECRET-{store}", $"Secret of {store}", $"Zava Retail {store}", .. ids.Split(' ')];
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();

    /// <summary>Opens an application connection with a transaction in which the caller's context is set.</summary>
    public async Task<NpgsqlConnection> OpenAsync(StoreSet stores, string sql = "BEGIN")
    {
        var connection = await Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync(sql);
        await connection.ScalarAsync("SELECT retail.set_store_context($1)", Seal(connection, stores));
        return connection;
    }

    public string Seal(NpgsqlConnection connection, StoreSet stores) =>
        Sealer.Seal(new TenantContext(stores, "attacker@example.com", "test"), connection.ProcessID);
}
