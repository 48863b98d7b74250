namespace Zava.Seeder.SampleData;

/// <summary>A year of receipts of one store, in order of time.</summary>
sealed class SalesGenerator
{
    const decimal TaxRate = .08m;
    const double UnitsPerReceipt = 2.03 * 2;

    // The seed's shares over the whole chain: 45 % credit card, 25 % debit card, 20 % cash, 10 % wallet. Nobody pays cash
    // online, where three in ten receipts are.
    static readonly (string, double)[] InStorePayments = [("credit_card", .4071), ("debit_card", .25), ("cash", .2857), ("digital_wallet", .0572)];
    static readonly (string, double)[] OnlinePayments = [("credit_card", .55), ("debit_card", .25), ("digital_wallet", .20)];

    readonly Store _store;
    readonly StoreCalendar _calendar;
    readonly SampleRandom _random;
    readonly List<Customer> _bySeniority;
    readonly WeightedList<Customer> _visitors;
    readonly Shopper _shopper;
    readonly Returns _returns;
    readonly Inventory _inventory;
    readonly int[] _receipts;

    public SalesGenerator(Store store, IReadOnlyList<Customer> customers, IReadOnlyList<Product> products, int count, SeedOptions options)
    {
        _store = store;
        _calendar = new(store, options.AsOf);
        _random = new(options.Seed, store.Id, "sales");
        _bySeniority = [.. customers.OrderBy(customer => customer.Since).ThenBy(customer => customer.Id)];
        _visitors = new(_bySeniority, customer => customer.Activity);
        _shopper = new(products, new(options.Seed, store.Id, "baskets"));
        _returns = new(products, new(options.Seed, store.Id, "returns"));
        _inventory = new(products, count * UnitsPerReceipt / StoreCalendar.Length, _calendar.FirstDay, new(options.Seed, store.Id, "inventory"));
        _receipts = ReceiptsPerDay(count);
    }

    public IEnumerable<Transaction> Generate()
    {
        var (number, joined) = (0, 0);
        for (var day = 0; day < StoreCalendar.Length; day++)
        {
            _inventory.Open(day);
            var date = _calendar.FirstDay.AddDays(day);
            var returning = new Queue<PendingReturn>(_returns.On(day, atMost: _receipts[day]));
            var newcomers = new Queue<Customer>();
            for (; joined < _bySeniority.Count && _bySeniority[joined].Since <= date; joined++)
                if (_bySeniority[joined].Since == date)
                    newcomers.Enqueue(_bySeniority[joined]);

            var left = _receipts[day];
            foreach (var moment in _calendar.Moments(date, left, _random))
            {
                // Spread over the day.
                var isReturn = returning.Count > 0 && _random.Between(1, left) <= returning.Count;
                left--;
                var receipt = $"RCP{++number:00000000}";
                yield return isReturn
                    ? TakeBack(returning.Dequeue(), moment, receipt)
                    // Who joins does so with a purchase, more often than not.
                    : Sell(newcomers.Count > 0 && _random.Chance(.6) ? newcomers.Dequeue() : _visitors.PickAmongFirst(_random, joined), moment, day, receipt);
            }
            _inventory.Close(day);
        }
    }

    int[] ReceiptsPerDay(int count)
    {
        var days = new WeightedList<int>([.. Enumerable.Range(0, StoreCalendar.Length)], day => _calendar.Weight(_calendar.FirstDay.AddDays(day)));
        var receipts = new int[StoreCalendar.Length];
        for (var i = 0; i < count; i++)
            receipts[days.Pick(_random)]++;
        return receipts;
    }

    Transaction Sell(Customer customer, DateTime moment, int day, string receipt)
    {
        var sale = Make("sale", customer, moment, receipt, null,
            [.. _shopper.Fill(customer, TimeZoneInfo.ConvertTimeFromUtc(moment, _store.TimeZone).Month).Select(line => SoldLine(line.Product, line.Quantity))]);
        foreach (var item in sale.Items)
            _returns.Consider(item, customer, day);
        return sale;
    }

    Transaction TakeBack(PendingReturn pending, DateTime moment, string receipt)
    {
        var original = pending.Item;
        // Mostly all of it; of several, sometimes some.
        var quantity = _random.Chance(.8) ? original.Quantity : _random.Between(1, original.Quantity);
        Inventory.TakeBack(original.Product, quantity);
        var lines = new List<TransactionItem>
        {
            new(_random.NextUuid(), original.Product, original, quantity, original.UnitPrice, decimal.Round(original.Discount * quantity / original.Quantity, 2), Tax: 0),
        };
        if (pending.IsExchange)
            lines.Add(SoldLine(_returns.Exchange(original.Product, quantity), quantity));
        return Make(pending.IsExchange ? "exchange" : "return", pending.Customer, moment, receipt, pending.Reason, lines);
    }

    TransactionItem SoldLine(Product product, int quantity)
    {
        _inventory.Sell(product, quantity);
        var discount = _random.Chance(.20)
            ? decimal.Round(product.Price * quantity * _random.Between(.05m, .25m, digits: 4), 2, MidpointRounding.AwayFromZero)
            : 0m;
        return new(_random.NextUuid(), product, null, quantity, product.Price, discount, Tax: 0);
    }

    Transaction Make(string type, Customer customer, DateTime moment, string receipt, string? reason, List<TransactionItem> lines)
    {
        var items = WithTax(lines, out var subtotal, out var tax);
        customer.LifetimeValue += subtotal + tax;
        return new(
            _random.NextUuid(), customer, moment, type, _random.Pick<string>(_store.IsOnline ? OnlinePayments : InStorePayments),
            subtotal, tax, items.Sum(item => item.Original is null ? item.Discount : -item.Discount),
            $"CASHIER{_random.Between(1, 10)}", $"REG{_random.Between(1, 5)}", receipt, reason, items);
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
}
