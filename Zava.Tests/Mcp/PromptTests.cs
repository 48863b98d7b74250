using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>The prompts, through the SDK's client over HTTP.</summary>
public sealed partial class PromptTests(SeededServer shop) : IClassFixture<SeededServer>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    Task<McpClient> ConnectAsync(string persona) => shop.Server.ConnectAsync(shop.Server.TokenOf(persona));

    Task<McpClient> ConnectWithAsync(string scope) => shop.Server.ConnectAsync(shop.Server.Issuer.Issue(
        new Dictionary<string, object> { ["sub"] = "a", ["stores"] = new[] { "seattle" }, ["scope"] = scope }));

    async Task<string> TextAsync(string persona, string prompt, Dictionary<string, object?> arguments)
    {
        await using var client = await ConnectAsync(persona);
        return TextOf(await client.GetPromptAsync(prompt, arguments, cancellationToken: Cancellation));
    }

    static string TextOf(GetPromptResult prompt)
    {
        var message = Assert.Single(prompt.Messages);
        Assert.Equal(Role.User, message.Role);
        return Assert.IsType<TextContentBlock>(message.Content).Text;
    }

    [Fact]
    public async Task Every_prompt_has_a_title_a_description_and_describes_each_argument()
    {
        await using var client = await ConnectAsync("seattle-manager");
        var prompts = await client.ListPromptsAsync(cancellationToken: Cancellation);
        Assert.Equal(["gift_finder", "restock_plan", "returns_investigation", "weekly_review"], prompts.Select(prompt => prompt.Name).Order(StringComparer.Ordinal));
        Assert.All(prompts, prompt =>
        {
            Assert.NotNull(prompt.Title);
            Assert.True(prompt.Description!.Length > 40);
            Assert.Contains(prompt.ProtocolPrompt.Arguments!, argument => argument is { Name: "store_id", Required: not true });
            Assert.All(prompt.ProtocolPrompt.Arguments!, argument => Assert.False(string.IsNullOrEmpty(argument.Description)));
        });
        Assert.Equal(["recipient"], prompts.SelectMany(prompt => prompt.ProtocolPrompt.Arguments!).Where(argument => argument.Required is true).Select(argument => argument.Name));
    }

    [Theory]
    [InlineData("catalog.read", "gift_finder")]
    [InlineData("sales.read", "weekly_review")]
    [InlineData("catalog.read sales.read", "gift_finder restock_plan returns_investigation weekly_review")]
    [InlineData("sales.write", "")]
    public async Task A_prompt_is_listed_for_whom_may_call_the_tools_that_it_names(string scope, string expected)
    {
        await using var client = await ConnectWithAsync(scope);
        var prompts = await client.ListPromptsAsync(cancellationToken: Cancellation);
        Assert.Equal(expected, string.Join(' ', prompts.Select(prompt => prompt.Name).Order(StringComparer.Ordinal)));

        var tools = await client.ListToolsAsync(cancellationToken: Cancellation);
        HashSet<string> known = [.. tools.Select(tool => tool.Name), .. tools.SelectMany(tool => FieldsOf(tool.JsonSchema).Concat(FieldsOf(tool.ReturnJsonSchema)))];
        foreach (var prompt in prompts)
        {
            var arguments = prompt.Name == "gift_finder" ? new Dictionary<string, object?> { ["recipient"] = "my father" } : [];
            var text = TextOf(await prompt.GetAsync(arguments, cancellationToken: Cancellation));
            Assert.Contains(tools, tool => text.Contains(tool.Name));
            Assert.All(SnakeCase().Matches(text).Select(word => word.Value).Where(word => !Period().IsMatch(word)), word => Assert.Contains(word, known));
            Assert.DoesNotContain("execute_sales_query", text);
        }
    }

    // Names of a tool's arguments and of the fields of its answers, at any depth.
    static IEnumerable<string> FieldsOf(JsonElement? schema) => schema is { } of ? NamePattern().Matches(of.GetRawText()).Select(name => name.Groups[1].Value) : [];

    [GeneratedRegex("\"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\":")]
    private static partial Regex NamePattern();

    [GeneratedRegex("[a-z][a-z0-9]*(?:_[a-z0-9]+)+")]
    private static partial Regex SnakeCase();

    [GeneratedRegex("^last_(week|\\d+_days)$")]
    private static partial Regex Period();

    [Fact]
    public async Task SQL_is_named_to_whom_may_run_it_and_a_store_and_limits_are_quoted()
    {
        var text = await TextAsync("seattle-manager", "restock_plan", new() { ["category"] = "Home & Garden", ["store_id"] = "seattle" });
        Assert.StartsWith("Plan what to reorder, category \"Home & Garden\", store_id \"seattle\".\n", text);
        Assert.Contains("\n4. execute_sales_query", text);
        Assert.Contains("\nWhen they say that goods have come, adjust_stock", text);
        Assert.Contains("for \"a \\\"friend\\\"\", budget \"50\", brand \"Cask\"", await TextAsync("head-office", "gift_finder", new()
        {
            ["recipient"] = "a \"friend\"",
            ["budget"] = "50",
            ["brand"] = "Cask",
        }));
        Assert.StartsWith("Review last week's sales.\n", await TextAsync("redmond-manager", "weekly_review", []));
    }

    [Theory]
    [InlineData("weekly_review", """{"store_id": "redmond"}""", "store_id: 'redmond' is not a store that you may see. Allowed: seattle.")]
    [InlineData("weekly_review", """{"store_id": "nowhere"}""", "store_id: 'nowhere' is not a store that you may see. Allowed: seattle.")]
    [InlineData("weekly_review", """{"store_id": "*"}""", "store_id: '*' is not a store that you may see. Allowed: seattle.")]
    [InlineData("weekly_review", """{"store": "seattle"}""", "store: is not an argument of weekly_review. Allowed: store_id.")]
    [InlineData("gift_finder", "{}", "recipient: is missing. Allowed: a text of 1 to 500 characters.")]
    [InlineData("gift_finder", """{"recipient": "a\nb"}""", "recipient: \"a\\nb\" was sent. Allowed: a text of 1 to 500 characters without control characters.")]
    [InlineData("restock_plan", """{"category": ""}""", "category: \"\" was sent. Allowed: a text of 1 to 500 characters without control characters, or left out.")]
    public async Task A_wrong_argument_is_named_with_what_is_allowed(string prompt, string arguments, string said)
    {
        var error = await Assert.ThrowsAsync<McpProtocolException>(() => TextAsync("seattle-manager", prompt, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments)!));
        Assert.Equal(McpErrorCode.InvalidParams, error.ErrorCode);
        Assert.Contains(said, error.Message);
    }

    [Fact]
    public async Task A_prompt_without_its_scope_is_forbidden()
    {
        await using var client = await ConnectWithAsync("catalog.read");
        var refused = await Assert.ThrowsAsync<HttpRequestException>(async () => await client.GetPromptAsync("weekly_review", cancellationToken: Cancellation));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }
}
