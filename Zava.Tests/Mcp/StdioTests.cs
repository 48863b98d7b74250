using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using Zava.McpServer.Identity;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>The server's program on standard input and output: a process of its own, for the caller of the token in ZAVA_TOKEN.</summary>
public sealed class StdioTests(StdioProgram stdio) : IClassFixture<StdioProgram>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_has_the_tools_of_HTTP_which_answer_and_refuse_alike()
    {
        var token = stdio.Server.TokenOf("seattle-manager");
        await using var program = await stdio.ConnectAsync(token);
        await using var http = await stdio.Server.ConnectAsync(token);
        Assert.Equal(await ToolsAsync(http), await ToolsAsync(program));

        foreach (var (tool, arguments) in ((string, Dictionary<string, object?>)[])
        [
            ("list_stores", []),
            ("get_product", new() { ["sku"] = "SECRET-seattle" }),
            ("execute_sales_query", new() { ["sql"] = "SELECT sku FROM products" }),
            ("get_product", new() { ["sku"] = "SECRET-redmond" }),
            ("get_product", new() { ["skew"] = "SECRET-seattle" }),
            ("execute_sales_query", new() { ["sql"] = "DELETE FROM products" }),
        ])
            Assert.Equal(await AnswerAsync(http, tool, arguments), await AnswerAsync(program, tool, arguments));

        static async Task<string> ToolsAsync(McpClient client) => JsonSerializer.Serialize(
            (await client.ListToolsAsync(cancellationToken: Cancellation)).Select(tool => tool.ProtocolTool), McpJsonUtilities.DefaultOptions);
    }

    static async Task<string> AnswerAsync(McpClient client, string tool, Dictionary<string, object?> arguments)
    {
        var answer = await client.CallToolAsync(tool, arguments, cancellationToken: Cancellation);
        return JsonSerializer.Serialize(new { answer.IsError, answer.Content, answer.StructuredContent }, McpJsonUtilities.DefaultOptions);
    }

    [Fact]
    public async Task A_token_of_one_store_reaches_nothing_of_another()
    {
        var secrets = await stdio.Stores.SecretsOfAsync("redmond");
        var products = secrets.Where(secret => Guid.TryParse(secret, out _)).Select(id => ("get_product", new Dictionary<string, object?> { ["product_id"] = id }));
        await using var client = await stdio.ConnectAsync(stdio.Server.TokenOf("seattle-manager"));
        foreach (var (tool, arguments) in ((string, Dictionary<string, object?>)[])
        [
            ("list_stores", []),
            ("semantic_search_products", new() { ["query"] = "secret", ["limit"] = 50 }),
            ("semantic_search_products", new() { ["query"] = "secret", ["store_id"] = "redmond" }),
            ("execute_sales_query", new() { ["sql"] = "SELECT * FROM products" }),
            ("execute_sales_query", new() { ["sql"] = "SELECT * FROM products", ["store_id"] = "redmond" }),
            ("execute_sales_query", new() { ["sql"] = "SELECT set_config('app.store_id', 'redmond', false), * FROM retail.sales_transactions" }),
            .. products,
        ])
        {
            var answer = await AnswerAsync(client, tool, arguments);
            Assert.DoesNotContain(secrets.Where(secret => !arguments.Values.Contains(secret)), answer.Contains);
        }
        Assert.Contains("Secret of seattle", await AnswerAsync(client, "execute_sales_query", new() { ["sql"] = "SELECT product_name FROM products" }));
    }

    [Fact]
    public async Task Without_the_scope_a_tool_is_neither_listed_nor_called_and_the_attempt_is_recorded()
    {
        await using (var client = await stdio.ConnectAsync(stdio.Token("catalog.read")))
        {
            var tools = (await client.ListToolsAsync(cancellationToken: Cancellation)).Select(tool => tool.Name).ToList();
            Assert.Contains("list_stores", tools);
            Assert.DoesNotContain("execute_sales_query", tools);
            var refused = await Assert.ThrowsAsync<McpProtocolException>(async () => await client.CallToolAsync(
                "execute_sales_query", new Dictionary<string, object?> { ["sql"] = "SELECT 1" }, cancellationToken: Cancellation));
            Assert.Contains("The tool execute_sales_query needs the scope sales.sql.", refused.Message);
        }
        // Written at the latest when the client has gone and the process ends.
        await Eventually.EqualAsync(1L, () => stdio.Stores.Database.ScalarAsync<long>(
            "SELECT count(*) FROM retail.tool_calls WHERE user_name = 'stdio@example.com' AND tool = 'execute_sales_query' AND outcome = 'forbidden'"));
    }

    [Fact]
    public async Task A_token_that_would_be_refused_over_HTTP_stops_the_start_with_a_sentence()
    {
        var token = stdio.Server.TokenOf("seattle-manager");
        var elsewhere = Directory.CreateTempSubdirectory("zava-test-");
        await Task.WhenAll(
            RefusedAsync(null, "ZAVA_TOKEN is not set"),
            RefusedAsync("garbage", "The token cannot be accepted."),
            RefusedAsync(token[..^3] + (token.EndsWith("AAA", StringComparison.Ordinal) ? "BBB" : "AAA"), "The signature of the token does not hold."),
            RefusedAsync(new DevelopmentIssuer(elsewhere.FullName).Issue(Persona.All[0]), "The signature of the token does not hold."),
            RefusedAsync(stdio.Token("catalog.read", DateTime.UtcNow.AddHours(-1)), "The token expired at"),
            RefusedAsync(stdio.Token("catalog.read", audience: "another"), "The token is for another audience."),
            RefusedAsync(stdio.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "ada" }), "must name a user (claim sub) and stores"));
        elsewhere.Delete(recursive: true);
    }

    [Fact]
    public Task A_login_with_dangerous_rights_stops_the_start_with_a_sentence() => RefusedAsync(
        stdio.Server.TokenOf("seattle-manager"), "Refusing to start", stdio.Stores.Database.AdministratorConnectionString);

    async Task RefusedAsync(string? token, string reason, string? connectionString = null)
    {
        using var process = stdio.Start(token, connectionString);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(Cancellation);
        var error = process.StandardError.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal("", await output);
        Assert.Equal(1, process.ExitCode);
        var lines = (await error).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Contains(reason, lines[^1]);
        Assert.DoesNotContain(lines, line => line.StartsWith("at ", StringComparison.Ordinal) || (token is not null && line.Contains(token)));
    }

    [Fact]
    public async Task Standard_output_holds_protocol_and_nothing_else_and_the_end_of_input_is_the_end()
    {
        using var process = stdio.Start(stdio.Server.TokenOf("seattle-manager"));
        var error = process.StandardError.ReadToEndAsync(Cancellation);
        foreach (var line in (string[])
        [
            """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tests","version":"1"}}}""",
            """{"jsonrpc":"2.0","method":"notifications/initialized"}""",
            "this is not JSON",
            """{"jsonrpc":"2.0","id":2,"method":"no/such/method"}""",
            """{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"no_such_tool"}}""",
            """{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"list_stores"}}""",
        ])
            await process.StandardInput.WriteLineAsync(line.AsMemory(), Cancellation);
        await process.StandardInput.FlushAsync(Cancellation);

        var answered = new HashSet<int>();
        while (answered.Count < 4 && await process.StandardOutput.ReadLineAsync(Cancellation) is { } line)
            Take(line);
        process.StandardInput.Close();
        foreach (var line in (await process.StandardOutput.ReadToEndAsync(Cancellation)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Take(line);
        await process.WaitForExitAsync(Cancellation);
        Assert.Superset(new HashSet<int> { 1, 2, 3, 4 }, answered);
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("Application started", await error);

        void Take(string line)
        {
            var message = JsonElement.Parse(line);
            Assert.Equal("2.0", message.GetProperty("jsonrpc").GetString());
            if (message.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.Number)
                answered.Add(id.GetInt32());
        }
    }
}
