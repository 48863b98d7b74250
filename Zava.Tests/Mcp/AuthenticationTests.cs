using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Who gets in, and with which token.</summary>
public sealed class AuthenticationTests(EmptyShop shop) : IClassFixture<EmptyShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    async Task<HttpResponseMessage> PostAsync(string? token)
    {
        using var http = shop.Server.CreateHttpClient(token);
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
        return await http.PostAsJsonAsync("/mcp", new { jsonrpc = "2.0", id = 1, method = "tools/list" }, Cancellation);
    }

    [Fact]
    public async Task Without_a_token_the_answer_is_401_with_a_challenge_that_leads_to_metadata()
    {
        var response = await PostAsync(null);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        var challenge = ChallengeOf(response);
        Assert.Equal(["resource_metadata", "scope"], challenge.Keys.Order());
        Assert.Equal("catalog.read", challenge["scope"]);
        var metadata = challenge["resource_metadata"];

        using var http = new HttpClient();
        var document = await http.GetFromJsonAsync<JsonElement>(metadata, Cancellation);
        Assert.Equal(shop.Server.McpAddress.ToString(), document.GetProperty("resource").GetString());
        Assert.Contains("catalog.read", document.GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString()));
    }

    // Of one WWW-Authenticate header, as RFC 9110 writes it: Bearer name="value", …
    static Dictionary<string, string> ChallengeOf(HttpResponseMessage response)
    {
        var challenge = Assert.Single(response.Headers.WwwAuthenticate);
        Assert.Equal("Bearer", challenge.Scheme);
        return Regex.Matches(challenge.Parameter!, "([a-z_]+)=\"([^\"]*)\"").ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
    }

    [Fact]
    public async Task A_token_that_does_not_hold_is_challenged_with_the_reason()
    {
        var signedElsewhere = new DevelopmentIssuer(Directory.CreateTempSubdirectory("zava-test-").FullName).Issue(Persona.All[0]);
        var credentials = new SigningCredentials(shop.Server.Issuer.Key, SecurityAlgorithms.HmacSha256);
        string Token(string issuer, string audience, DateTime expires) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            NotBefore = DateTime.UtcNow.AddDays(-2),
            Expires = expires,
            Claims = new Dictionary<string, object> { ["sub"] = "a", ["stores"] = (string[])["seattle"], ["scope"] = "catalog.read" },
            SigningCredentials = credentials,
        });
        foreach (var (token, reason) in ((string, string)[])
        [
            (Token(DevelopmentIssuer.Issuer, DevelopmentIssuer.Audience, DateTime.UtcNow.AddHours(-1)), "The token expired at "),
            (Token(DevelopmentIssuer.Issuer, "another", DateTime.UtcNow.AddHours(1)), "The token is for another audience."),
            (Token("https://elsewhere.example", DevelopmentIssuer.Audience, DateTime.UtcNow.AddHours(1)), "The token is of another issuer."),
            (signedElsewhere, "The signature of the token does not hold."),
            ("not.a.token", "The token cannot be accepted."),
        ])
        {
            using var response = await PostAsync(token);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            var challenge = ChallengeOf(response);
            Assert.Equal("invalid_token", challenge["error"]);
            Assert.StartsWith(reason, challenge["error_description"]);
            Assert.Contains("resource_metadata", challenge.Keys);
            // The token itself is in neither answer nor log.
            Assert.DoesNotContain(token, await response.Content.ReadAsStringAsync(Cancellation));
            Assert.DoesNotContain(shop.Server.Log.Entries, entry => entry.Contains(token));
        }
    }

    [Fact]
    public async Task A_tool_that_the_token_may_not_call_is_403_with_the_missing_scope()
    {
        var token = shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "a", ["stores"] = (string[])["seattle"], ["scope"] = "sales.read" });
        using var http = shop.Server.CreateHttpClient(token);
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
        using var response = await http.PostAsJsonAsync("/mcp", new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "list_stores" } }, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        var challenge = ChallengeOf(response);
        Assert.Equal("insufficient_scope", challenge["error"]);
        Assert.Equal("catalog.read", challenge["scope"]);
        Assert.Equal("The tool list_stores needs the scope catalog.read.", challenge["error_description"]);

        // A message that hides the tool from the check is still refused, by the SDK.
        foreach (var body in (string[])
        [
            """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_stores"},"params":{"name":"list_stores","name":"get_current_utc_date"},"params":{"name":"list_stores"}}""",
            """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_current_utc_date","name":"list_stores"}}""",
            """{"jsonrpc":"2.0","id":1,"method":"tools\u002fcall","params":{"n\u0061me":"list_stores"}}""",
            """[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_stores"}}]""",
        ])
        {
            using var hidden = await http.PostAsync("/mcp", new StringContent(body, Encoding.UTF8, "application/json"), Cancellation);
            Assert.DoesNotContain("seattle", await hidden.Content.ReadAsStringAsync(Cancellation));
        }
    }

    [Fact]
    public async Task What_tools_there_are_may_be_cached_only_for_the_caller()
    {
        using var http = shop.Server.CreateHttpClient(shop.Server.TokenOf("seattle-manager"));
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
        http.DefaultRequestHeaders.Add("MCP-Protocol-Version", "2026-07-28");
        http.DefaultRequestHeaders.Add("Mcp-Method", "tools/list");
        using var response = await http.PostAsync("/mcp", new StringContent(
            """{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"}}}}""",
            Encoding.UTF8, "application/json"), Cancellation);
        Assert.Contains("\"cacheScope\":\"private\"", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Theory]
    [InlineData(null, HttpStatusCode.OK)]
    [InlineData("SELF", HttpStatusCode.OK)]
    [InlineData("https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    [InlineData("http://127.0.0.1", HttpStatusCode.Forbidden)]
    [InlineData("http://127.0.0.1.evil.example", HttpStatusCode.Forbidden)]
    public async Task A_page_of_another_origin_is_refused(string? origin, HttpStatusCode expected)
    {
        using var http = shop.Server.CreateHttpClient(shop.Server.TokenOf("seattle-manager"));
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
        if (origin is not null)
            http.DefaultRequestHeaders.Add("Origin", origin == "SELF" ? shop.Server.Address.GetLeftPart(UriPartial.Authority) : origin);
        using var response = await http.PostAsJsonAsync("/mcp", new { jsonrpc = "2.0", id = 1, method = "tools/list" }, Cancellation);
        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_before_it_is_read()
    {
        using var http = shop.Server.CreateHttpClient(shop.Server.TokenOf("seattle-manager"));
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
        using var response = await http.PostAsync("/mcp", new StringContent(new string(' ', 300_000), Encoding.UTF8, "application/json"), Cancellation);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task A_user_that_asks_too_often_is_told_to_wait_and_no_other_user_is()
    {
        await using var app = RunningServer.Build("Development", new(EmptyShop.Settings(("Limits:RequestsPerMinute", "3"), ("Identity:DevelopmentFolder", shop.FolderOfItsOwn())))
        {
            ["ConnectionStrings:retail_db"] = shop.Database.ConnectionString(DatabaseRole.Application),
        });
        await app.StartAsync(Cancellation);
        async Task<HttpResponseMessage> AskAsync(string persona)
        {
            using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
            http.DefaultRequestHeaders.Authorization = new("Bearer", shop.Server.TokenOf(persona));
            http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");
            return await http.PostAsJsonAsync("/mcp", new { jsonrpc = "2.0", id = 1, method = "tools/list" }, Cancellation);
        }
        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.OK, (await AskAsync("seattle-manager")).StatusCode);
        var refused = await AskAsync("seattle-manager");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync("redmond-manager")).StatusCode);
    }

    [Fact]
    public async Task A_token_that_was_changed_is_refused()
    {
        var token = shop.Server.TokenOf("seattle-manager");
        var parts = token.Split('.');
        var payload = JsonDocument.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(parts[1])).RootElement.GetRawText().Replace("seattle", "redmond");
        foreach (var forged in (string[])
        [
            $"{parts[0]}.{Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(payload)}.{parts[2]}",
            $"{Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""")}.{parts[1]}.",
            token[..^3] + (token.EndsWith("AAA", StringComparison.Ordinal) ? "BBB" : "AAA"),
            "garbage",
        ])
            Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(forged)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(token)).StatusCode);
    }

    [Fact]
    public async Task A_token_of_another_issuer_key_is_refused()
    {
        var folder = Directory.CreateTempSubdirectory("zava-test-");
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(new DevelopmentIssuer(folder.FullName).Issue(Persona.All[0]))).StatusCode);
        folder.Delete(recursive: true);
    }

    public static TheoryData<string> ClaimsWithoutStores =>
    [
        """{"sub": "a"}""", """{"sub": "a", "stores": []}""", """{"sub": "a", "stores": ["*", "seattle"]}""", """{"sub": "a", "stores": ["Seattle; DROP"]}""",
        """{"sub": "", "stores": ["seattle"]}""", """{"stores": ["seattle"]}""", """{"sub": "a", "stores": ["seattle|x"]}""",
        """{"sub": "nul\u0000x", "stores": ["seattle"]}""", """{"sub": "line\nbreak", "stores": ["seattle"]}""",
    ];

    [Theory, MemberData(nameof(ClaimsWithoutStores))]
    public async Task A_token_that_names_no_user_or_no_stores_is_forbidden(string claims)
    {
        var token = shop.Server.Issuer.Issue(JsonSerializer.Deserialize<Dictionary<string, object>>(claims)!
            .Append(new("scope", "catalog.read")).ToDictionary());
        Assert.Equal(HttpStatusCode.Forbidden, (await PostAsync(token)).StatusCode);
    }

    [Fact]
    public async Task Without_the_scope_tools_are_neither_listed_nor_called()
    {
        var token = shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "a", ["stores"] = (string[])["seattle"], ["scope"] = "other.scope" });
        await using var client = await shop.Server.ConnectAsync(token);
        Assert.Equal(["get_current_utc_date"], (await client.ListToolsAsync(cancellationToken: Cancellation)).Select(tool => tool.Name));
        Assert.Equal(HttpStatusCode.Forbidden, (await Assert.ThrowsAsync<HttpRequestException>(
            async () => await client.CallToolAsync("list_stores", cancellationToken: Cancellation))).StatusCode);
    }

    [Fact]
    public async Task Development_tokens_are_in_a_private_file_for_an_editor_and_work()
    {
        var file = Path.Combine(shop.Server.DevelopmentFolder, "mcp.json");
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var entry = JsonDocument.Parse(await File.ReadAllTextAsync(file, Cancellation)).RootElement.GetProperty("servers").GetProperty("zava-redmond-manager");
        Assert.Equal(shop.Server.McpAddress.ToString(), entry.GetProperty("url").GetString());
        await using var client = await shop.Server.ConnectAsync(entry.GetProperty("headers").GetProperty("Authorization").GetString()!["Bearer ".Length..]);
        var stores = await client.CallToolAsync("list_stores", cancellationToken: Cancellation);
        Assert.Equal("redmond", stores.StructuredContent!.Value.GetProperty("stores")[0].GetProperty("store_id").GetString());
    }
}
