namespace Zava.Seeder.SampleData;

/// <summary>A year of receipts of one store, in order of time.</summary>
sealed class SalesGenerator
{
    const decimal TaxRate = .08m;
    static readonly TimeSpan ReturnWindow = TimeSpan.FromDays(45);

    readonly Store _store;
    readonly SeedOptions _options;
    readonly SampleRandom _random;
    readonly IReadOnlyList<Customer> _bySeniority;
    readonly DateOnly[] _since;
    readonly IReadOnlyList<Product> _products;
    readonly double[][] _cumulativeDemand;

    // Sold lines that may still come back, oldest first, with the sale that each belongs to.
    readonly List<(TransactionItem Item, Customer Customer, DateTime Date)> _returnable = [];

    public SalesGenerator(Store store, IReadOnlyList<Customer> customers, IReadOnlyList<Product> products, SeedOptions options)
    {
        (_store, _options, _products) = (store, options, products);
        _random = new(options.Seed, store.Id, "sales");
        _bySeniority = [.. customers.OrderBy(customer => customer.Since).ThenBy(customer => customer.Id)];
        _since = [.. _bySeniority.Select(customer => customer.Since)];
        _cumulativeDemand = [.. Enumerable.Range(1, 12).Select(CumulativeDemand)];
    }

    public List<Transaction> Generate(int count)
    {
        var dates = Enumerable.Range(0, count).Select(_ => RandomMoment()).Order().ToList();
        return [.. dates.Select((date, index) => Make(date, $"RCP{index + 1:00000000}"))];
    }

    Transaction Make(DateTime date, string receipt)
    {
        // In order of time: what has become too old is at the front.
        var inTime = _returnable.FindIndex(line => line.Date >= date - ReturnWindow);
        _returnable.RemoveRange(0, inTime < 0 ? _returnable.Count : inTime);
        var type = _random.Pick<string>(("sale", .90), ("return", .07), ("exchange", .03));
        var returned = type == "sale" ? null : TakeReturnable(date);
        if (returned is null)
            type = "sale"; // Nothing was bought that could come back.

        var customer = returned?.Customer ?? CustomerAt(date);
        var lines = new List<TransactionItem>();
        if (returned is { Item: var original })
            lines.Add(new(_random.NextUuid(), original.Product, original, original.Quantity, original.UnitPrice, original.Discount, Tax: 0));
        if (type == "sale")
            lines.AddRange(PickProducts(date, _random.Pick<int>((1, 40), (2, 30), (3, 20), (4, 7), (5, 3))).Select(Sell));
        else if (type == "exchange")
            lines.Add(Sell(returned!.Value.Item.Product));

        var items = WithTax(lines, out var subtotal, out var tax);
        var transaction = new Transaction(
            _random.NextUuid(), customer, date, type,
            _random.Pick<string>(("credit_card", .45), ("debit_card", .25), ("cash", .20), ("digital_wallet", .10)),
            subtotal, tax, items.Sum(item => item.Original is null ? item.Discount : -item.Discount),
            $"CASHIER{_random.Between(1, 10)}", $"REG{_random.Between(1, 5)}", receipt, items);
        customer.LifetimeValue += subtotal + tax;
        if (type == "sale")
            _returnable.AddRange(items.Select(item => (item, customer, date)));
        return transaction;
    }

    TransactionItem Sell(Product product)
    {
        var quantity = _random.Between(1, 3);
        var discount = _random.Chance(.20)
            ? decimal.Round(product.Price * quantity * _random.Between(.05m, .25m, digits: 4), 2, MidpointRounding.AwayFromZero)
            : 0m;
        return new(_random.NextUuid(), product, null, quantity, product.Price, discount, Tax: 0);
    }

    /// <summary>
    /// Tax is 8 % of the subtotal, rounded once; each line gets the growth of the rounded running tax, so that the lines
    /// add up to it exactly.
    /// </summary>
    static List<TransactionItem> WithTax(List<TransactionItem> lines, out decimal subtotal, out decimal tax)
    {
        (subtotal, tax) = (0, 0);
        var taxed = new List<TransactionItem>(lines.Count);
        foreach (var line in lines)
        {
            subtotal += line.SignedTotal;
            var running = decimal.Round(subtotal * TaxRate, 2, MidpointRounding.AwayFromZero);
            taxed.Add(line with { Tax = Math.Abs(running - tax) });
            tax = running;
        }
        return taxed;
    }

    (TransactionItem Item, Customer Customer)? TakeReturnable(DateTime date)
    {
        // Nobody returns within the hour.
        var old = _returnable.FindLastIndex(line => line.Date < date.AddHours(-1));
        if (old < 0)
            return null;
        var index = _random.Between(0, old);
        var (item, customer, _) = _returnable[index];
        _returnable.RemoveAt(index);
        return (item, customer);
    }

    Customer CustomerAt(DateTime date)
    {
        var day = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(date, _store.TimeZone));
        // A comparer that never says equal finds the end of those who had joined by that day.
        var count = ~Array.BinarySearch(_since, day, Comparer<DateOnly>.Create((since, sale) => since <= sale ? -1 : 1));
        return _bySeniority[_random.Between(0, count - 1)];
    }

    HashSet<Product> PickProducts(DateTime date, int count)
    {
        var demand = _cumulativeDemand[date.Month - 1];
        var picked = new HashSet<Product>(ReferenceEqualityComparer.Instance);
        while (picked.Count < Math.Min(count, _products.Count))
        {
            var at = Array.BinarySearch(demand, _random.Source.NextDouble() * demand[^1]);
            picked.Add(_products[Math.Min(at >= 0 ? at : ~at, _products.Count - 1)]);
        }
        return picked;
    }

    double[] CumulativeDemand(int month)
    {
        var sum = 0.0;
        return [.. _products.Select(product => sum += product.Popularity * (product.Season.Contains(month) ? 3 : 1))];
    }

    DateTime RandomMoment()
    {
        var day = _options.AsOf.AddDays(-_random.Between(0, 364));
        // Shops are open from 9 to 21 o'clock; no clock in a time zone with a shop changes within these hours.
        var time = _store.Id == "online"
            ? TimeSpan.FromSeconds(_random.Between(4 * 3600, 24 * 3600 - 1))
            : TimeSpan.FromSeconds(_random.Between(9 * 3600, 21 * 3600 - 1));
        return TimeZoneInfo.ConvertTimeToUtc(day.ToDateTime(default) + time, _store.TimeZone);
    }
}
