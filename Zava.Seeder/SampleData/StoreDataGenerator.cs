using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>
/// A store with its customers and products, and its receipts as they are made: what customers have spent and what is in stock is
/// known when the last one has been read.
/// </summary>
sealed record StoreData(Store Store, IReadOnlyList<Customer> Customers, IReadOnlyList<Product> Products, IEnumerable<Transaction> Transactions);

/// <summary>Makes the sample data of one store after another.</summary>
sealed class StoreDataGenerator(ProductCatalogue catalogue, SeedOptions options)
{
    const int Customers = 2_000;
    const int Products = 500;
    const int Transactions = 5_000;

    public static int RowEstimate(int scale) => (Customers + Products + 3 * Transactions) * scale;

    public IEnumerable<StoreData> Generate(IReadOnlyList<Store> stores)
    {
        var customers = Divide(Customers, stores);
        var products = Divide(Products, stores);
        var transactions = Divide(Transactions, stores);
        for (var index = 0; index < stores.Count; index++)
            yield return Generate(stores[index], customers[index], products[index], transactions[index]);
    }

    StoreData Generate(Store store, int customerCount, int productCount, int transactionCount)
    {
        var customers = CustomerGenerator.Generate(store, customerCount, [.. catalogue.Subcategories.Select(sub => sub.Category).Distinct()], options);
        var products = ProductGenerator.Generate(store, productCount, catalogue, options);
        return new(store, customers, products, Sell());

        IEnumerable<Transaction> Sell()
        {
            foreach (var transaction in new SalesGenerator(store, customers, products, transactionCount, options).Generate())
                yield return transaction;
            CustomerGenerator.AssignLoyalty(customers);
        }
    }

    // What rounding leaves goes to the first store, so that the totals are exact.
    int[] Divide(int count, IReadOnlyList<Store> stores)
    {
        var shares = stores.Sum(store => store.Share);
        int[] parts = [.. stores.Select(store => (int)(count * options.Scale * store.Share / shares))];
        parts[0] += count * options.Scale - parts.Sum();
        return parts;
    }
}
