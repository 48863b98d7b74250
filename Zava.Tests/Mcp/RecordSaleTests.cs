using System.Globalization;
using System.Text.Json;
using Zava.Tests.Infrastructure;
using static Zava.Tests.Infrastructure.WriteShop;

namespace Zava.Tests.Mcp;

/// <summary>A sale is what the database says it is: prices, discounts, tax and totals are computed there, and goods leave the stock.</summary>
public sealed class RecordSaleTests(WriteShop shop) : IClassFixture<WriteShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_sale_is_recorded_with_totals_to_the_cent()
    {
        // Prices of which 8 % and discounts end in fractions of a cent.
        var (a, b) = (await shop.AddProductAsync(price: 19.99m, stock: 9), await shop.AddProductAsync(price: 3.33m, stock: 9));
        var customer = await shop.AddCustomerAsync();
        await using var client = await shop.ConnectAsync();
        var answer = await AnswerAsync(client, "record_sale", new()
        {
            ["lines"] = new object[]
            {
                new { sku = a, quantity = 3, discount_percent = 12.5 },
                new { product_id = await shop.ProductIdAsync(b), quantity = 1 },
                new { sku = b.ToLowerInvariant(), quantity = 2, discount_percent = 5 },
            },
            ["payment_method"] = "credit_card",
            ["customer_id"] = customer,
            ["cashier_id"] = "CASHIER3",
            ["register_id"] = "REG2",
            ["idempotency_key"] = NewKey(),
        });
        // 59.97 - 7.50 = 52.47; 3.33; 6.66 - 0.33 = 6.33. Together 62.13, of which 8 % is 4.9704.
        Assert.Equal((62.13m, 7.83m, 4.97m, 67.10m, "USD", false), (
            answer.GetProperty("subtotal").GetDecimal(), answer.GetProperty("discount").GetDecimal(), answer.GetProperty("tax").GetDecimal(),
            answer.GetProperty("total").GetDecimal(), answer.GetProperty("currency").GetString(), answer.GetProperty("already_recorded").GetBoolean()));
        Assert.Equal([(a, 3, 19.99m, 7.50m, 52.47m, 6), (b, 1, 3.33m, 0m, 3.33m, 6), (b, 2, 3.33m, .33m, 6.33m, 6)], answer.GetProperty("lines").EnumerateArray().Select(line => (
            line.GetProperty("sku").GetString()!, line.GetProperty("quantity").GetInt32(), line.GetProperty("unit_price").GetDecimal(),
            line.GetProperty("discount").GetDecimal(), line.GetProperty("total").GetDecimal(), line.GetProperty("stock_left").GetInt32())));
        Assert.Equal((6, 6), (await shop.StockAsync(a), await shop.StockAsync(b)));
        var id = answer.GetProperty("transaction_id").GetGuid();
        Assert.Equal($"seattle sale credit_card 62.13 4.97 7.83 67.10 CASHIER3 REG2 {answer.GetProperty("receipt_number").GetString()} {customer} t", await shop.Database.ScalarAsync<string>("""
            SELECT concat_ws(' ', store_id, transaction_type, payment_method, subtotal, tax_amount, discount_amount, total_amount, cashier_id, register_id, receipt_number, customer_id,
                             transaction_date > now() - interval '1 minute')
              FROM retail.sales_transactions WHERE transaction_id = $1
            """, id));
        Assert.Equal("3 62.13 4.97 7.83 sold t", await shop.Database.ScalarAsync<string>("""
            SELECT concat_ws(' ', count(*), sum(total_price), sum(i.tax_amount), sum(i.discount_amount), min(line_type), bool_and(i.created_at = t.transaction_date))
              FROM retail.sales_transaction_items i JOIN retail.sales_transactions t USING (store_id, transaction_id) WHERE transaction_id = $1
            """, id));
        Assert.Equal(67.10m, await shop.Database.ScalarAsync<decimal>("SELECT total_lifetime_value FROM retail.customers WHERE customer_id = $1", customer));
    }

    [Fact]
    public async Task Receipts_are_numbered_on_from_those_that_there_are_each_store_for_itself()
    {
        await shop.Database.ExecuteAsync("""
            INSERT INTO retail.sales_transactions (store_id, subtotal, total_amount, receipt_number) VALUES
                ('bellevue', 1, 1, 'RCP00000041'), ('bellevue', 1, 1, 'WEB-1'), ('redmond', 1, 1, 'RCP00000999')
            """);
        var sku = await shop.AddProductAsync("bellevue");
        await using var client = await shop.ConnectAsync("head-office");
        var receipts = new List<string?>();
        foreach (var other in (string?[])[null, "RCP00000050", null])
        {
            if (other is not null)
                await shop.Database.ExecuteAsync("INSERT INTO retail.sales_transactions (store_id, subtotal, total_amount, receipt_number) VALUES ('bellevue', 1, 1, $1)", other);
            var sale = Sale((sku, 1));
            sale["store_id"] = "bellevue";
            receipts.Add((await AnswerAsync(client, "record_sale", sale)).GetProperty("receipt_number").GetString());
        }
        Assert.Equal(["RCP00000042", "RCP00000051", "RCP00000052"], receipts);
    }

    [Fact]
    public async Task Every_line_that_lacks_stock_is_named_and_nothing_is_sold()
    {
        var (plenty, few, none) = (await shop.AddProductAsync(stock: 10), await shop.AddProductAsync(stock: 3), await shop.AddProductAsync(stock: 0));
        await using var client = await shop.ConnectAsync();
        var before = await shop.StateAsync();
        Assert.Equal($"""
            lines[1], lines[3].quantity: 4 of {few} asked for, and 3 in stock.
            lines[2].quantity: 1 of {none} asked for, and 0 in stock.
            Nothing was sold.
            """, await ErrorAsync(client, "record_sale", Sale((plenty, 1), (few, 2), (none, 1), (few, 2))));
        Assert.Equal(before, await shop.StateAsync());
    }

    /// <summary>SKU, OLD and CUSTOMER stand for a product of which there are 10, one that is no longer sold, and a customer of Redmond.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { """{"lines": [{"sku": "SKU", "quantity": 1}, {"sku": "NO-SUCH", "quantity": 1}]}""", "lines[1].sku: no product of this store has it; semantic_search_products finds products by description.\nNothing was sold." },
        { """{"lines": [{"product_id": "3f2b8c1e-9a4d-4e6f-8b7a-1c2d3e4f5a6b", "quantity": 1}]}""", "lines[0].product_id: no product of this store has it;" },
        { """{"lines": [{"sku": "OLD", "quantity": 1}]}""", "lines[0]: OLD is no longer sold." },
        { """{"lines": [{"quantity": 1}]}""", "lines[0]: exactly one of product_id and sku must be given." },
        { """{"lines": []}""", "lines: [] was sent. Allowed: a list of 1 to 50 items, each an object of quantity, sku, product_id, discount_percent." },
        { """{"lines": ["SKU"]}""", "lines: [\"SKU\"] was sent. Allowed: a list of 1 to 50 items" },
        { """{"lines": [{"sku": "SKU"}]}""", "lines[0].quantity: is missing. Allowed: a whole number 1 to 100." },
        { """{"lines": [{"sku": "SKU", "quantity": 0}]}""", "lines[0].quantity: 0 was sent. Allowed: a whole number 1 to 100." },
        { """{"lines": [{"sku": "SKU", "quantity": 1}, {"sku": "SKU", "quantity": "2"}]}""", "lines[1].quantity: \"2\" was sent. Allowed: a whole number 1 to 100." },
        { """{"lines": [{"sku": "SKU", "quantity": 1, "discount_percent": 26}]}""", "lines[0].discount_percent: 26 was sent. Allowed: a number 5 to 25, or left out." },
        { """{"lines": [{"sku": "SKU", "quantity": 1, "discount_percent": -5}]}""", "lines[0].discount_percent: -5 was sent." },
        { """{"lines": [{"sku": "SKU", "quantity": 1, "unit_price": 0.01}]}""", "lines[0].unit_price: is not a field of it. Allowed: quantity, sku, product_id, discount_percent." },
        { """{"payment_method": "cheque"}""", "payment_method: \"cheque\" was sent. Allowed: cash, credit_card, debit_card, digital_wallet." },
        { """{"customer_id": "CUSTOMER"}""", "customer_id: no customer of this store has it. Allowed: left out for a sale to nobody in particular." },
        { """{"total": 1}""", "total: is not an argument of this tool. Allowed: lines, payment_method," },
        { """{"store_id": "redmond"}""", "store_id: 'redmond' is not a store that you may see. Allowed: seattle." },
    };

    [Theory, MemberData(nameof(Refused))]
    public async Task What_does_not_fit_is_refused_with_what_is_allowed_and_sells_nothing(string arguments, string said)
    {
        var (sku, old) = (await shop.AddProductAsync(stock: 10), await shop.AddProductAsync(stock: 10));
        await shop.Database.ExecuteAsync("UPDATE retail.products SET is_active = FALSE WHERE sku = $1", old);
        var sent = Sale((sku, 1));
        foreach (var (name, value) in JsonSerializer.Deserialize<Dictionary<string, object?>>(
            arguments.Replace("SKU", sku).Replace("OLD", old).Replace("CUSTOMER", (await shop.AddCustomerAsync("redmond")).ToString()))!)
            sent[name] = value;
        var before = await shop.StateAsync();
        await using var client = await shop.ConnectAsync();
        Assert.StartsWith(said.Replace("SKU", sku).Replace("OLD", old), await ErrorAsync(client, "record_sale", sent));
        Assert.Equal(before, await shop.StateAsync());
    }

    [Fact]
    public async Task Nobody_pays_cash_online_and_an_amount_that_cannot_be_kept_is_refused()
    {
        var (online, dear) = (await shop.AddProductAsync("online"), await shop.AddProductAsync("online", price: 9_999_999.99m, stock: 100));
        await using var client = await shop.ConnectAsync("head-office");
        var sale = Sale((online, 1));
        sale["store_id"] = "online";
        Assert.Equal("payment_method: nobody pays cash in an online store. Allowed: credit_card, debit_card, digital_wallet.\nNothing was sold.", await ErrorAsync(client, "record_sale", sale));
        sale["payment_method"] = "digital_wallet";
        await AnswerAsync(client, "record_sale", sale);
        var before = await shop.StateAsync();
        var tooMuch = Sale((dear, 100));
        (tooMuch["store_id"], tooMuch["payment_method"]) = ("online", "credit_card");
        Assert.Equal("An amount would be larger than 99999999.99, the largest that can be kept. Nothing was changed.", await ErrorAsync(client, "record_sale", tooMuch));
        Assert.Equal(before, await shop.StateAsync());
    }

    [Fact]
    public async Task Of_those_who_want_the_last_piece_one_gets_it()
    {
        var sku = await shop.AddProductAsync(stock: 1);
        await using var client = await shop.ConnectAsync();
        var results = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => client.CallToolAsync("record_sale", Sale((sku, 1)), cancellationToken: Cancellation).AsTask()));
        Assert.Single(results, result => result.IsError is not true);
        Assert.All(results.Where(result => result.IsError is true), result => Assert.Equal($"lines[0].quantity: 1 of {sku} asked for, and 0 in stock.\nNothing was sold.", TextOf(result)));
        Assert.Equal((0, 1L), (await shop.StockAsync(sku), await shop.Database.ScalarAsync<long>(
            "SELECT count(*) FROM retail.sales_transaction_items WHERE product_id = $1", await shop.ProductIdAsync(sku))));
    }

    [Fact]
    public async Task Concurrent_sales_of_the_same_goods_in_any_order_neither_block_each_other_for_good_nor_lose_a_piece()
    {
        string[] skus = [.. await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => shop.AddProductAsync(stock: 100, price: 1)))];
        var customer = await shop.AddCustomerAsync();
        await using var client = await shop.ConnectAsync();
        var receipts = await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            var random = new Random(i);
            var sale = Sale([.. random.GetItems(skus, 4).Distinct().Select(sku => (sku, 1))]);
            if (i % 2 == 0)
                sale["customer_id"] = customer;
            return (IsCustomers: i % 2 == 0, Answer: await AnswerAsync(client, "record_sale", sale));
        }));
        foreach (var sku in skus)
            Assert.Equal(100 - receipts.Sum(receipt => receipt.Answer.GetProperty("lines").EnumerateArray().Count(line => line.GetProperty("sku").GetString() == sku)), await shop.StockAsync(sku));
        Assert.Equal(receipts.Where(receipt => receipt.IsCustomers).Sum(receipt => receipt.Answer.GetProperty("total").GetDecimal()),
            await shop.Database.ScalarAsync<decimal>("SELECT total_lifetime_value FROM retail.customers WHERE customer_id = $1", customer));
        // Numbered one after the other, in the order of time.
        var numbers = receipts.OrderBy(receipt => receipt.Answer.GetProperty("sold_at").GetDateTime())
            .Select(receipt => int.Parse(receipt.Answer.GetProperty("receipt_number").GetString()![3..], CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(Enumerable.Range(numbers[0], 60), numbers);
    }
}
