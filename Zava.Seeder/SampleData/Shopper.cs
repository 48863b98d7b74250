namespace Zava.Seeder.SampleData;

/// <summary>What customers put into their baskets: by season, by what they like, and what goes together.</summary>
sealed class Shopper
{
    // The seed's share of baskets of 1 to 5 articles.
    static readonly (int, double)[] BasketSizes = [(1, 40), (2, 30), (3, 20), (4, 7), (5, 3)];

    const int InSeason = 3;

    readonly SampleRandom _random;
    readonly WeightedList<Product>[] _byMonth;
    readonly Dictionary<string, WeightedList<Product>[]> _byCategory;
    readonly Dictionary<string, WeightedList<Product>> _byKind;
    readonly Dictionary<string, string[]> _partners;

    public Shopper(IReadOnlyList<Product> products, SampleRandom random)
    {
        _random = random;
        _byMonth = ByMonth(products);
        _byCategory = products.GroupBy(product => product.Category).ToDictionary(group => group.Key, group => ByMonth([.. group]));
        _byKind = products.GroupBy(product => product.Kind.Id).ToDictionary(
            group => group.Key, group => new WeightedList<Product>([.. group], product => product.Demand));
        _partners = products.DistinctBy(product => product.Kind.Id).ToDictionary(
            product => product.Kind.Id, product => product.Kind.GoesWith.Where(_byKind.ContainsKey).ToArray());
    }

    /// <summary>Different articles that are in stock, with their quantities.</summary>
    public List<(Product Product, int Quantity)> Fill(Customer customer, int month)
    {
        var size = _random.Pick<int>(BasketSizes);
        var basket = new List<(Product Product, int Quantity)>(size);
        // Gives up only when the shelves are all but empty.
        for (var attempt = 0; basket.Count < size && attempt < 1_000; attempt++)
        {
            var product = Want(customer, month, basket);
            var quantity = _random.Between(1, 3);
            if (product.Stock >= quantity && !basket.Exists(line => line.Product == product))
                basket.Add((product, quantity));
        }
        return basket;
    }

    Product Want(Customer customer, int month, List<(Product Product, int Quantity)> basket)
    {
        if (basket.Count > 0 && _partners[_random.Pick(basket).Product.Kind.Id] is { Length: > 0 } partners && _random.Chance(.35))
            return _byKind[_random.Pick(partners)].Pick(_random);
        return _random.Chance(.4) && _byCategory.TryGetValue(customer.Favorite, out var favorites)
            ? favorites[month - 1].Pick(_random)
            : _byMonth[month - 1].Pick(_random);
    }

    static WeightedList<Product>[] ByMonth(IReadOnlyList<Product> products) => [.. Enumerable.Range(1, 12).Select(month =>
        new WeightedList<Product>(products, product => product.Demand * (product.Kind.Season.Contains(month) ? InSeason : 1)))];
}
