using System.Text.Json;
using ModelContextProtocol.Protocol;
using Zava.McpServer.Customers;
using Zava.McpServer.Tools;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>
/// The numbers of the tools about customers, beside ones that are worked out in memory from the receipts. Who may learn whose
/// they are is in <see cref="CustomerPrivacyTests"/>.
/// </summary>
public sealed class CustomerToolsTests(SalesShop shop) : IClassFixture<SalesShop>
{
    static readonly string[] SampleStores = ["bellevue", "online", "redmond", "seattle"];

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    CustomerTools Tools => shop.CustomersAt("2026-04-01 20:00");

    static DateOnly LocalDay(DateTime utc) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(utc, TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles")));

    /// <summary>Fifths, where equals share the middle of their places.</summary>
    static Dictionary<Guid, int> Scores<T>(IReadOnlyDictionary<Guid, T> values) where T : IComparable<T> => values.ToDictionary(
        one => one.Key,
        one => 1 + (int)Math.Floor((values.Values.Count(other => other.CompareTo(one.Value) < 0) + values.Values.Count(other => other.CompareTo(one.Value) == 0) / 2m) * 5 / values.Count));

    static string SegmentOf(int r, int fm) => (r, fm) switch
    {
        ( >= 4, >= 8) => "champions",
        ( >= 4, >= 5) => "potential_loyalists",
        ( >= 4, _) => "promising",
        (3, >= 8) => "loyal",
        (3, >= 5) => "need_attention",
        (3, _) => "about_to_sleep",
        (_, >= 8) => "cannot_lose",
        (_, >= 5) => "at_risk",
        _ => "hibernating",
    };

    [Theory]
    [InlineData("last_365_days", "2025-04-01", "2026-03-31")]
    [InlineData("2026-03", "2026-03-01", "2026-03-31")]
    [InlineData("2026", "2026-01-01", "2026-04-01")]
    public async Task Segments_and_tiers_are_what_the_receipts_say(string period, string from, string to)
    {
        var answer = await Tools.GetSegmentsAsync(period, user: SalesShop.Of(SampleStores), cancellationToken: Cancellation);
        Assert.Equal(SampleStores, answer.Stores.Select(store => store.StoreId));
        var (first, last) = (DateOnly.Parse(from, System.Globalization.CultureInfo.InvariantCulture), DateOnly.Parse(to, System.Globalization.CultureInfo.InvariantCulture));
        foreach (var store in answer.Stores)
        {
            var people = await shop.PeopleAsync(store.StoreId);
            var receipts = (await shop.ReceiptsAsync(store.StoreId)).Where(receipt => LocalDay(receipt.Utc) >= first && LocalDay(receipt.Utc) <= last).ToList();
            var net = receipts.ToLookup(receipt => receipt.Customer, receipt => receipt.Net);
            var purchases = receipts.Where(receipt => receipt.Type == "sale").ToLookup(receipt => receipt.Customer, receipt => LocalDay(receipt.Utc));
            var (r, f, m) = (
                Scores(purchases.ToDictionary(buyer => buyer.Key, buyer => buyer.Max())),
                Scores(purchases.ToDictionary(buyer => buyer.Key, buyer => buyer.Count())),
                Scores(purchases.ToDictionary(buyer => buyer.Key, buyer => net[buyer.Key].Sum())));

            Assert.Equal(("USD", people.Count, receipts.Count(receipt => receipt.Type == "sale"), receipts.Sum(receipt => receipt.Net)),
                (store.Currency, store.Customers, store.Purchases, store.NetSales));
            Check(store.Segments, person => purchases.Contains(person.Id) ? SegmentOf(r[person.Id], f[person.Id] + m[person.Id]) : "inactive");
            Check(store.Tiers, person => person.Tier);
            Assert.All(store.Segments, segment => Assert.Contains(segment.Name, answer.Definitions.Keys));
            Assert.Equal(store.Segments.OrderBy(segment => segment.Name == "inactive").Select(segment => segment.Name), store.Segments.Select(segment => segment.Name));
            Assert.Equal(["platinum", "gold", "silver", "bronze"], store.Tiers.Select(tier => tier.Name));
            Assert.InRange(store.Segments.Sum(segment => segment.CustomerPercent), 99.5m, 100.5m);

            void Check(IReadOnlyList<CustomerGroup> groups, Func<SalesShopCustomers.Person, string> nameOf)
            {
                var expected = people.GroupBy(nameOf).ToList();
                Assert.Equal(expected.Select(group => group.Key).Order(StringComparer.Ordinal), groups.Select(group => group.Name).Order(StringComparer.Ordinal));
                foreach (var group in expected)
                {
                    var said = groups.Single(said => said.Name == group.Key);
                    Assert.Equal((group.Count(), group.Sum(person => purchases[person.Id].Count()), group.Sum(person => net[person.Id].Sum())), (said.Customers, said.Purchases, said.NetSales));
                    Assert.Equal((double)group.Count() / people.Count * 100, (double)said.CustomerPercent, tolerance: .0501);
                    var days = group.Where(person => purchases.Contains(person.Id)).Select(person => last.DayNumber - purchases[person.Id].Max().DayNumber).ToList();
                    Assert.Equal(days.Count == 0, said.AverageDaysSincePurchase is null);
                    if (days.Count > 0)
                        Assert.Equal(days.Average(), (double)said.AverageDaysSincePurchase!, tolerance: .0501);
                }
            }
        }
    }

    [Fact]
    public async Task Equals_share_a_score_and_who_registered_later_was_no_customer_then()
    {
        await shop.Database.ExecuteAsync("""
            INSERT INTO retail.customers (store_id, customer_id, first_name, last_name, email, customer_since, loyalty_tier)
            SELECT 'tokyo', ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'F' || n, 'L' || n, 'mail' || n || '@example.com', day, 'gold'
              FROM (VALUES (1, '2022-01-01'::date), (2, NULL), (3, '2022-01-01'), (4, '2023-01-01'), (5, '2022-06-30')) AS customer (n, day)
            """);
        foreach (var (n, utc) in ((int, string)[])[(1, "2022-06-10 03:00"), (2, "2022-06-10 04:00"), (3, "2022-06-10 05:00")])
            await shop.Database.ExecuteAsync($"UPDATE retail.sales_transactions SET customer_id = '00000000-0000-0000-0000-00000000000{n}' WHERE transaction_id = $1",
                await shop.AddAsync("tokyo", utc, ("A", 1, 0)));
        var store = Assert.Single((await Tools.GetSegmentsAsync("2022-06", user: SalesShop.Of("tokyo"), cancellationToken: Cancellation)).Stores);
        // All three in the middle of everything; the fifth had not bought yet, the fourth was not there.
        Assert.Equal([("need_attention", 3L, 75m, 20m), ("inactive", 1L, 25m, null)],
            store.Segments.Select(segment => (segment.Name, segment.Customers, segment.CustomerPercent, segment.AverageDaysSincePurchase)));
        Assert.Equal(("JPY", 4, 3, 30m), (store.Currency, store.Customers, store.Purchases, store.NetSales));
    }

    [Fact]
    public async Task Nothing_says_where_there_is_something()
    {
        Assert.Equal("No receipts in this period; the last one is of 2026-03-31: ask for period 2026-03.",
            (await Tools.GetSegmentsAsync("2019", user: SalesShop.Of("seattle"), cancellationToken: Cancellation)).Note);
        var bare = await Tools.GetSegmentsAsync(user: SalesShop.Of("bare"), cancellationToken: Cancellation);
        Assert.Equal("There are no receipts yet.", bare.Note);
        Assert.Empty(Assert.Single(bare.Stores).Segments);
        await shop.AddAsync("single", "2025-05-05 10:00", ("A", 1, 0));
        Assert.StartsWith("No registered customer bought", (await Tools.GetSegmentsAsync("2025-05", user: SalesShop.Of("single"), cancellationToken: Cancellation)).Note);
    }

    [Fact]
    public async Task A_history_is_paged_to_its_end_and_adds_up()
    {
        var customer = await shop.BusiestAsync("seattle");
        var receipts = (await shop.ReceiptsAsync("seattle")).Where(receipt => receipt.Customer == customer).OrderByDescending(receipt => receipt.Utc).ThenByDescending(receipt => receipt.Id.ToString()).ToList();
        var pages = new List<CustomerHistory>();
        do
            pages.Add(await Tools.GetHistoryAsync(customer, before: pages.LastOrDefault()?.NextBefore, limit: 3, user: SalesShop.Of("seattle"), cancellationToken: Cancellation));
        while (pages[^1].NextBefore is not null);
        Assert.Equal((receipts.Count + 2) / 3, pages.Count);
        Assert.Equal(receipts.Select(receipt => (receipt.Id, receipt.Type, receipt.Net)), pages.SelectMany(page => page.Receipts).Select(receipt => (receipt.TransactionId, receipt.Type, receipt.NetSales)));
        Assert.All(pages, page => Assert.Equal(pages[0].Totals, page.Totals));

        var sales = receipts.Where(receipt => receipt.Type == "sale").ToList();
        Assert.Equal(
            new("USD", sales.Count, receipts.Count - sales.Count, receipts.Sum(receipt => receipt.Net), decimal.Round(sales.Average(sale => sale.Net), 2, MidpointRounding.AwayFromZero),
                LocalDay(sales[^1].Utc), LocalDay(sales[0].Utc), new DateOnly(2026, 4, 1).DayNumber - LocalDay(sales[0].Utc).DayNumber),
            pages[0].Totals);
        foreach (var receipt in pages.SelectMany(page => page.Receipts))
        {
            Assert.Equal(receipt.Total, receipt.NetSales + receipt.Tax);
            if (receipt.LineCount <= 10)
                Assert.Equal((receipt.LineCount, receipt.NetSales), (receipt.Lines.Count, receipt.Lines.Sum(line => line.Type == "sold" ? line.Amount : -line.Amount)));
        }
        var favourites = await shop.RowsAsync("""
            SELECT (SELECT coalesce((SELECT top.category_name FROM retail.product_categories top WHERE top.category_id = c.parent_category_id), c.category_name)
                      FROM retail.product_categories c WHERE c.category_id = p.category_id),
                   sum(i.total_price * CASE WHEN original_item_id IS NULL THEN 1 ELSE -1 END)
              FROM retail.sales_transaction_items i JOIN retail.products p USING (store_id, product_id)
             WHERE transaction_id IN (SELECT transaction_id FROM retail.sales_transactions WHERE customer_id = $1)
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5
            """, row => (row.GetString(0), row.GetDecimal(1)), customer);
        Assert.Equal(favourites, pages[0].FavouriteCategories.Select(favourite => (favourite.Category, favourite.NetSales)));
    }

    [Fact]
    public async Task A_customer_without_receipts_has_an_answer()
    {
        var id = await shop.Database.ScalarAsync<Guid>("INSERT INTO retail.customers (store_id, first_name, last_name, email) VALUES ('bare', 'A', 'B', 'a@example.com') RETURNING customer_id");
        var history = await Tools.GetHistoryAsync(id, user: SalesShop.Of("bare"), cancellationToken: Cancellation);
        Assert.Equal("This customer is registered, but on no receipt yet.", history.Note);
        Assert.Empty(history.Receipts);
        Assert.Null(history.Customer.BirthDate);
        Assert.Equal(new("USD", 0, 0, 0, 0, null, null, null), history.Totals);
    }

    public static TheoryData<string, string, string> BadArguments => new()
    {
        { "get_customer_history", "{}", "customer_id, email: exactly one of the two must be given." },
        { "get_customer_history", """{"customer_id": "3f2b8c1e-9a4d-4e6f-8b7a-1c2d3e4f5a6b", "email": "a@b.c"}""", "customer_id, email: exactly one of the two must be given." },
        { "get_customer_history", """{"customer_id": "x"}""", "customer_id: \"x\" was sent. Allowed: a UUID" },
        { "get_customer_history", """{"email": ""}""", "email: \"\" was sent. Allowed: a text of 3 to 100 characters" },
        { "get_customer_history", """{"email": "a@b", "limit": 21}""", "limit: 21 was sent. Allowed: a whole number 1 to 20" },
        { "get_customer_history", """{"email": "a@b", "before": "x"}""", "before: \"x\" was sent. Allowed: a UUID" },
        { "get_customer_history", """{"name": "Ada"}""", "name: is not an argument of this tool." },
        { "get_customer_segments", """{"period": "lately"}""", "period: 'lately' is not a period." },
        { "get_customer_segments", """{"store_id": "*"}""", "store_id: '*' is not a store that you may see. Allowed: seattle." },
    };

    [Theory, MemberData(nameof(BadArguments))]
    public async Task A_bad_argument_is_named_with_what_is_allowed(string tool, string arguments, string said)
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("seattle-manager"));
        var result = await client.CallToolAsync(tool, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments), cancellationToken: Cancellation);
        Assert.True(result.IsError);
        Assert.StartsWith(said, Assert.IsType<TextContentBlock>(result.Content[0]).Text);
    }

    [Fact]
    public async Task Tools_and_typical_answers_are_small()
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("head-office"));
        foreach (var (name, arguments) in ((string, Dictionary<string, object?>)[])[
            ("get_customer_segments", new() { ["period"] = "2025-04/2026-03", ["store_id"] = "seattle" }),
            ("get_customer_history", new() { ["customer_id"] = await shop.BusiestAsync("seattle") })])
        {
            var tool = (await client.ListToolsAsync(cancellationToken: Cancellation)).Single(tool => tool.Name == name);
            var answer = Assert.NotNull((await client.CallToolAsync(name, arguments, cancellationToken: Cancellation)).StructuredContent);
            Assert.Equal(
                tool.ProtocolTool.OutputSchema!.Value.GetProperty("properties").EnumerateObject().Select(property => property.Name).Order(),
                answer.EnumerateObject().Select(property => property.Name).Order());
            TestContext.Current.SendDiagnosticMessage("{0}: {1} characters, answer {2}", name, $"{name}{tool.Description}{tool.JsonSchema}".Length, answer.GetRawText().Length);
            Assert.True($"{name}{tool.Description}{tool.JsonSchema}".Length < 1800, $"{name}: {tool.Description}{tool.JsonSchema}");
            Assert.True(answer.GetRawText().Length < 4500, $"{name}: {answer.GetRawText().Length} characters");
        }
    }
}
