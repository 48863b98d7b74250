using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using Zava.Database;
using Zava.McpServer.Customers;
using Zava.McpServer.Identity;
using Zava.McpServer.Sales;

namespace Zava.McpServer.Tools;

/// <summary>Who buys: groups of customers, and one of them. Who they are is seen only with the scope <see cref="Scopes.CustomersRead"/>.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.SalesRead)]
public sealed class CustomerTools(TenantDatabase database, TimeProvider time)
{
    const string StoreIdDescription = "Only this store, such as seattle; left out: all of yours";

    [McpServerTool(Name = "get_customer_segments", Title = "Segment customers", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Customers of each store by RFM segment (how recently, how often and for how much they bought: champions, at_risk ...; the answer defines each) and by loyalty tier: number and share of customers, purchases, net sales, average days since the last purchase. No personal data.")]
    public Task<CustomerSegments> GetSegmentsAsync(
        [Description($"{Period.Forms}. Days of the store; at most 1100"), StringLength(21, MinimumLength = 4)] string period = "last_365_days",
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        // Compared with nothing: no other days need be read.
        CustomerSegments.AskAsync(
            database, Caller.Require(user).For("get_customer_segments", store_id),
            new(time, today => Period.Parse(period, today) with { Shift = 0 }), cancellationToken);

    [McpServerTool(Name = "get_customer_history", Title = "One customer's purchases", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("One customer, named by customer_id or by email: tier, totals, favourite categories and receipts with their lines, newest first. Name, e-mail, phone and birth date are masked unless the token has the scope customers.read, which email needs too. Customer ids are in retail.customers_masked and on receipts (execute_sales_query).")]
    public Task<CustomerHistory> GetHistoryAsync(
        [Description("UUID of the customer")] Guid? customer_id = null,
        [Description("E-mail address, whole, instead of customer_id"), StringLength(100, MinimumLength = 3)] string? email = null,
        [Description("next_before of the answer before, for older receipts")] Guid? before = null,
        [Description("How many receipts at most, 1 to 20"), Range(1, 20)] int limit = 5,
        [Description(StoreIdDescription), StringLength(50, MinimumLength = 1)] string? store_id = null,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        if (customer_id is null == email is null)
            throw new McpException("customer_id, email: exactly one of the two must be given.");
        var context = Caller.Require(user).For("get_customer_history", store_id);
        var maySeeWho = Scopes.Has(user!, Scopes.CustomersRead);
        // Whether an address is a customer's is itself who customers are.
        if (email is not null && !maySeeWho)
            throw new McpException($"email: needs the scope {Scopes.CustomersRead}, which your token does not have. Allowed: customer_id.");
        return CustomerHistory.AskAsync(database, context, time.GetUtcNow(), customer_id, email, before, limit, maySeeWho, cancellationToken);
    }
}
