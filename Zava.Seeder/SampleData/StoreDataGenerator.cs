using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>Makes the sample data of one store after another.</summary>
sealed class StoreDataGenerator(ProductCatalogue catalogue, SeedOptions options)
{
    const int Customers = 2_000;
    const int Products = 500;
    const int Transactions = 5_000;

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
        var customers = CustomerGenerator.Generate(store, customerCount, options);
        var products = ProductGenerator.Generate(store, productCount, catalogue, options);
        var transactions = new SalesGenerator(store, customers, products, options).Generate(transactionCount);
        CustomerGenerator.AssignLoyalty(customers);
        return new(store, customers, products, transactions);
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
