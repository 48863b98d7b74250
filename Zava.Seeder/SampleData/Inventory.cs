namespace Zava.Seeder.SampleData;

/// <summary>A store's stock, day by day: what is sold leaves, what comes back returns, and what runs low is ordered again.</summary>
sealed class Inventory
{
    readonly DateOnly _firstDay;
    readonly SampleRandom _random;
    readonly List<(Product Product, int Units)>?[] _arrivals = new List<(Product, int)>?[StoreCalendar.Length];
    readonly List<Product> _soldSinceOrdering = [];

    /// <param name="products">Get their levels and opening stock here.</param>
    /// <param name="unitsPerDay">What the whole store is expected to sell in a day.</param>
    public Inventory(IReadOnlyList<Product> products, double unitsPerDay, DateOnly firstDay, SampleRandom random)
    {
        (_firstDay, _random) = (firstDay, random);
        var demand = products.Sum(product => product.Demand);
        foreach (var product in products)
        {
            // Enough for the slowest supplier, then a month of sales at a time.
            var daily = unitsPerDay * product.Demand / demand;
            product.MinimumStock = 5 + (int)(4 * daily);
            product.ReorderPoint = product.MinimumStock + 5 + (int)(10 * daily);
            product.MaximumStock = product.ReorderPoint + 20 + (int)(35 * daily);
            product.OpeningStock = product.Stock = random.Between(product.ReorderPoint, product.MaximumStock);
        }
    }

    /// <summary>Puts on the shelves what arrives on a day, before the store opens.</summary>
    public void Open(int day)
    {
        foreach (var (product, units) in _arrivals[day] ?? [])
        {
            product.Stock += units;
            product.IsOnOrder = false;
            product.Deliveries.Add(new(_firstDay.AddDays(day), units));
        }
    }

    public void Sell(Product product, int units)
    {
        product.Stock -= units;
        product.UnitsSold += units;
        _soldSinceOrdering.Add(product);
    }

    public static void TakeBack(Product product, int units) => product.Stock += units;

    /// <summary>Orders what has run low, on the evenings when somebody looks.</summary>
    public void Close(int day)
    {
        if (_firstDay.AddDays(day).DayOfWeek is not (DayOfWeek.Monday or DayOfWeek.Thursday))
            return;
        foreach (var product in _soldSinceOrdering)
            if (product.Stock <= product.ReorderPoint && !product.IsOnOrder)
            {
                product.IsOnOrder = true;
                // Each supplier has its own pace, and a shipment may be late.
                var arrival = day + 3 + SampleRandom.StableHash(product.Kind.Supplier) % 10 + _random.Between(0, 4);
                if (arrival < _arrivals.Length)
                    (_arrivals[arrival] ??= []).Add((product, product.MaximumStock - product.Stock));
            }
        _soldSinceOrdering.Clear();
    }
}
