using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>A sold line that its buyer will bring back.</summary>
/// <param name="IsExchange">For another look of the same article.</param>
sealed record PendingReturn(TransactionItem Item, Customer Customer, bool IsExchange, string Reason);

/// <summary>Decides at the sale what will come back, and keeps it until its day.</summary>
sealed class Returns
{
    // The seed's types of receipts are 90 % sales, 7 % returns and 3 % exchanges, so one receipt comes back for nine sales.
    // A little more is planned, because what is bought at the end of the year comes back after it.
    const double ReturnsPerSale = .1 / .9 * 1.035;
    const double LinesPerBasket = 2.03;

    static readonly string[] Reasons = ["wrong size", "not as described", "changed mind", "arrived damaged", "found it cheaper", "unwanted gift"];

    readonly double _base;
    readonly SampleRandom _random;
    readonly List<PendingReturn>?[] _byDay = new List<PendingReturn>?[StoreCalendar.Length];
    readonly Dictionary<(ProductVersion, string?), List<Product>> _looks;

    public Returns(IReadOnlyList<Product> products, SampleRandom random)
    {
        _random = random;
        var averageRate = products.Sum(product => product.Demand * product.ReturnRate) / products.Sum(product => product.Demand);
        _base = ReturnsPerSale / LinesPerBasket / averageRate;
        _looks = products.GroupBy(Look).ToDictionary(group => group.Key, group => group.ToList());
    }

    /// <summary>Lets the customer think about what was bought on a day.</summary>
    public void Consider(TransactionItem item, Customer customer, int day)
    {
        if (!_random.Chance(Math.Min(_base * item.Product.ReturnRate, .8)))
            return;
        // Most within two weeks, the last after six.
        var hesitation = _random.Source.NextDouble();
        var when = day + 1 + (int)(41 * hesitation * hesitation * hesitation);
        if (when < _byDay.Length)
            (_byDay[when] ??= []).Add(new(item, customer, _random.Chance(.3), ReasonFor(item.Product)));
    }

    /// <summary>What comes back on a day. What finds no time then comes on the next one.</summary>
    public IEnumerable<PendingReturn> On(int day, int atMost)
    {
        var due = _byDay[day] ?? [];
        if (due.Count > atMost && day + 1 < _byDay.Length)
            (_byDay[day + 1] ??= []).InsertRange(0, due[atMost..]);
        return due.Take(atMost);
    }

    /// <summary>Another colour or size of an article, or the same one where there is none in stock.</summary>
    public Product Exchange(Product product, int quantity)
    {
        var others = _looks[Look(product)].FindAll(other => other != product && other.Stock >= quantity);
        return others.Count > 0 ? _random.Pick(others) : product;
    }

    string ReasonFor(Product product) =>
        product.Rating < 3.4m && _random.Chance(.7) ? "stopped working"
        : product.Category == "Clothing" && _random.Chance(.6) ? Reasons[0]
        : _random.Pick(Reasons[1..]);

    static (ProductVersion, string?) Look(Product product) => (product.Version, product.Attributes.GetValueOrDefault("edition") as string);
}
