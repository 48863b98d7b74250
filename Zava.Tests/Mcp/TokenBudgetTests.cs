using Microsoft.ML.Tokenizers;
using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>What the server costs a model's context, in tokens of the encoding o200k_base.</summary>
public sealed class TokenBudgetTests(SeededServer shop) : IClassFixture<SeededServer>
{
    static readonly TiktokenTokenizer Tokenizer = TiktokenTokenizer.CreateForEncoding("o200k_base");

    [Fact]
    public async Task The_list_of_all_tools_costs_at_most_6000_tokens()
    {
        // Head office has every scope.
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("head-office"));
        var costs = (await client.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken)).ToDictionary(
            tool => tool.Name, tool => Tokenizer.CountTokens($"{tool.Name} {tool.Description} {tool.JsonSchema.GetRawText()}"));
        Assert.True(costs.Values.Sum() <= 6_000, $"{costs.Values.Sum()} tokens: {string.Join(", ", costs.OrderByDescending(cost => cost.Value))}");
    }

    public static TheoryData<string, Dictionary<string, object?>> TypicalCalls => new()
    {
        { "list_stores", [] },
        { "semantic_search_products", new() { ["query"] = "something to keep my coffee hot on the train", ["store_id"] = "seattle", ["limit"] = 5 } },
        { "get_current_utc_date", [] },
        { "execute_sales_query", new() { ["sql"] = "SELECT payment_method, count(*), sum(total_amount) FROM sales_transactions GROUP BY 1 ORDER BY 1", ["store_id"] = "seattle" } },
        { "get_multiple_table_schemas", new() { ["table_names"] = new[] { "sales_transactions", "sales_transaction_items" } } },
        { "get_sales_summary", new() { ["period"] = "2026-03-01/2026-03-31", ["group_by"] = "week", ["store_id"] = "seattle" } },
        { "get_top_products", new() { ["period"] = "2026-03-01/2026-03-31", ["store_id"] = "seattle" } },
        { "get_sales_trend", new() { ["until"] = "2026-03-31", ["interval"] = "month", ["store_id"] = "seattle" } },
        { "get_inventory_alerts", new() { ["store_id"] = "seattle" } },
        { "get_basket_affinity", new() { ["period"] = "2025-04-01/2026-03-31", ["level"] = "category", ["store_id"] = "seattle" } },
    };

    [Theory, MemberData(nameof(TypicalCalls))]
    public async Task A_typical_answer_costs_at_most_1500_tokens(string tool, Dictionary<string, object?> arguments)
    {
        await using var client = await shop.Server.ConnectAsync(shop.Server.TokenOf("head-office"));
        var answer = await client.CallToolAsync(tool, arguments, cancellationToken: TestContext.Current.CancellationToken);
        var texts = answer.Content.Select(block => Assert.IsType<TextContentBlock>(block).Text).ToList();
        Assert.False(answer.IsError ?? false, texts[0]);
        Assert.InRange(texts.Sum(text => Tokenizer.CountTokens(text)), 1, 1_500);
    }
}
