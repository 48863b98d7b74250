using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol.Server;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.McpServer.Inventory;

namespace Zava.McpServer.Tools;

/// <summary>What is on the shelves. What the answers are made of is in <see cref="Inventory"/>.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.SalesRead)]
public sealed class InventoryTools(TenantDatabase database, TimeProvider time)
{
    [McpServerTool(Name = "get_inventory_alerts", Title = "What to reorder", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Products at or below their reorder point, or that run out soon at the pace they sold lately: stock, units sold, days of cover, and how many to order up to the maximum stock, with the cost. Most urgent first.")]
    public Task<InventoryAlerts> GetAlertsAsync(
        [Description("Also list what lasts fewer days than this, 0 to 90"), Range(0, 90)] int cover_days = 7,
        [Description("Take the pace from so many days of sales, 7 to 365"), Range(7, 365)] int sales_days = 28,
        [Description("Only this store, such as seattle; left out: all of yours"), StringLength(50, MinimumLength = 1)] string? store_id = null,
        [Description("How many products at most, 1 to 100"), Range(1, 100)] int limit = 15,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default) =>
        InventoryAlerts.AskAsync(
            database, Caller.Require(user).For("get_inventory_alerts", store_id), time.GetUtcNow().UtcDateTime, sales_days, cover_days, limit, cancellationToken);
}
