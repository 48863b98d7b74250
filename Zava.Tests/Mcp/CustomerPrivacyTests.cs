using System.Text.Json;
using System.Text.RegularExpressions;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Who customers are is told to nobody without the scope for it, and of another store's to nobody at all.</summary>
public sealed class CustomerPrivacyTests(SalesShop shop) : IClassFixture<SalesShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    async Task<CallToolResult> CallAsync(string persona, string tool, Dictionary<string, object?> arguments)
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf(persona));
        return await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
    }

    static string TextOf(CallToolResult result) => Assert.IsType<TextContentBlock>(result.Content[0]).Text;

    [Fact]
    public async Task Without_the_scope_nothing_tells_who_a_customer_is()
    {
        var people = await shop.PeopleAsync("online");
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("online-merchandiser"));
        // As many as a user may ask for in a minute.
        foreach (var person in people.Take(300))
        {
            var result = await client.CallToolAsync(
                "get_customer_history", new Dictionary<string, object?> { ["customer_id"] = person.Id, ["limit"] = 20 }, cancellationToken: Cancellation);
            Assert.False(result.IsError ?? false, TextOf(result));
            AssertUnknown(JsonSerializer.Serialize(result, McpJsonUtilities.DefaultOptions), person);
            var customer = Assert.NotNull(result.StructuredContent).GetProperty("customer");
            Assert.True(customer.GetProperty("is_masked").GetBoolean());
            Assert.Equal($"{person.First[0]}. {person.Last[0]}.", customer.GetProperty("name").GetString());
            Assert.Equal($"{person.Email[0]}…@…", customer.GetProperty("email").GetString());
            Assert.Equal($"…{person.Phone[^2..]}", customer.GetProperty("phone").GetString());
            Assert.Equal($"{person.Born[..3]}0s", customer.GetProperty("birth_date").GetString());
        }
        var segments = JsonSerializer.Serialize(await CallAsync("online-merchandiser", "get_customer_segments", new() { ["period"] = "2025-04/2026-03" }), McpJsonUtilities.DefaultOptions);
        foreach (var person in people)
        {
            AssertUnknown(segments, person);
            Assert.DoesNotContain(person.Id.ToString(), segments);
        }

        static void AssertUnknown(string json, SalesShopCustomers.Person person)
        {
            // Whole words: "Al" is in "total".
            Assert.DoesNotMatch($@"\b({Regex.Escape(person.First)}|{Regex.Escape(person.Last)})\b", json);
            foreach (var known in (string[])[person.Email, person.Email.Split('@')[0], person.Phone, person.Phone[^8..], person.Born])
                Assert.DoesNotContain(known, json, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task With_the_scope_a_customer_is_found_by_email_and_known()
    {
        var person = (await shop.PeopleAsync("seattle"))[0];
        var byId = await CallAsync("seattle-manager", "get_customer_history", new() { ["customer_id"] = person.Id });
        var byEmail = await CallAsync("seattle-manager", "get_customer_history", new() { ["email"] = person.Email.ToUpperInvariant() });
        Assert.Equal(TextOf(byId), TextOf(byEmail));
        var customer = Assert.NotNull(byId.StructuredContent).GetProperty("customer");
        Assert.Equal(
            [$"{person.First} {person.Last}", person.Email, person.Phone, person.Born, person.Tier],
            ((string[])["name", "email", "phone", "birth_date", "loyalty_tier"]).Select(field => customer.GetProperty(field).GetString()));
        Assert.False(customer.GetProperty("is_masked").GetBoolean());

        // Right or wrong, an address is not looked for.
        foreach (var email in (string[])[(await shop.PeopleAsync("online"))[0].Email, "nobody@example.com"])
            Assert.Equal("email: needs the scope customers.read, which your token does not have. Allowed: customer_id.",
                TextOf(await CallAsync("online-merchandiser", "get_customer_history", new() { ["email"] = email })));
    }

    [Fact]
    public async Task What_is_masked_is_not_even_read()
    {
        const string Rest = "store_id, customer_id, masked_name, masked_email, masked_phone, birth_decade, gender, customer_since, loyalty_tier, total_lifetime_value";
        var (own, other) = (await shop.BusiestAsync("online"), await shop.BusiestAsync("seattle"));
        await shop.Database.ExecuteAsync($"REVOKE SELECT ON retail.customers FROM mcp_user; GRANT SELECT ({Rest}) ON retail.customers TO mcp_user");
        try
        {
            Assert.Null((await CallAsync("online-merchandiser", "get_customer_history", new() { ["customer_id"] = own })).IsError);
            // The names are what is missing: who may see them is answered from the table itself.
            Assert.True((await CallAsync("seattle-manager", "get_customer_history", new() { ["customer_id"] = other })).IsError);
        }
        finally
        {
            await shop.Database.ExecuteAsync("GRANT SELECT ON retail.customers TO mcp_user");
        }
    }

    [Fact]
    public async Task Head_office_names_the_store_where_several_have_the_customer()
    {
        foreach (var store in (string[])["solo", "tokyo"])
            await shop.Database.ExecuteAsync("INSERT INTO retail.customers (store_id, first_name, last_name, email) VALUES ($1, 'Ada', 'B', 'twice@example.com')", store);
        Assert.Equal("store_id: several stores have this customer: solo, tokyo. Name one of them.",
            TextOf(await CallAsync("head-office", "get_customer_history", new() { ["email"] = "twice@example.com" })));
        var one = await CallAsync("head-office", "get_customer_history", new() { ["email"] = "twice@example.com", ["store_id"] = "tokyo" });
        Assert.Equal("tokyo", Assert.NotNull(one.StructuredContent).GetProperty("customer").GetProperty("store_id").GetString());
    }

    [Fact]
    public async Task Another_stores_customer_is_no_customer()
    {
        var (own, other) = (await shop.BusiestAsync("seattle"), await shop.BusiestAsync("redmond"));
        foreach (var (field, values) in ((string, object[])[])[("customer_id", [other, Guid.NewGuid()]), ("email", [(await shop.PeopleAsync("redmond"))[0].Email, "nobody@example.com"])])
            foreach (var value in values)
            {
                var result = await CallAsync("seattle-manager", "get_customer_history", new() { [field] = value });
                Assert.True(result.IsError);
                Assert.Equal($"{field}: no customer that you may see has it; execute_sales_query finds ids in retail.customers_masked.", TextOf(result));
            }
        // Nor is a receipt of theirs, or of another customer, a place to go on from.
        foreach (var receipt in (Guid[])[(await shop.ReceiptsAsync("redmond"))[0].Id, (await shop.ReceiptsAsync("seattle")).First(receipt => receipt.Customer != own).Id, Guid.NewGuid()])
            Assert.StartsWith("before: no receipt of this customer has it.", TextOf(await CallAsync("seattle-manager", "get_customer_history", new() { ["customer_id"] = own, ["before"] = receipt })));
        foreach (var tool in (string[])["get_customer_segments", "get_customer_history"])
        {
            var arguments = new Dictionary<string, object?> { ["store_id"] = "redmond" };
            if (tool == "get_customer_history")
                arguments["customer_id"] = other;
            Assert.Equal("store_id: 'redmond' is not a store that you may see. Allowed: seattle.", TextOf(await CallAsync("seattle-manager", tool, arguments)));
        }
        Assert.Equal(["seattle"], Assert.NotNull((await CallAsync("seattle-manager", "get_customer_segments", new() { ["period"] = "2026-03" })).StructuredContent)
            .GetProperty("stores").EnumerateArray().Select(store => store.GetProperty("store_id").GetString()));
    }
}
