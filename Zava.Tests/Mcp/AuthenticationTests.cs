using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using ModelContextProtocol;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Who gets in, and with which token.</summary>
public sealed class AuthenticationTests(AuthenticationTests.EmptyShop shop) : IClassFixture<AuthenticationTests.EmptyShop>
{
    public sealed class EmptyShop(DatabaseTemplate template) : IAsyncLifetime
    {
        public TestDatabase Database { get; private set; } = null!;

        public RunningServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(Database = await template.CreateDatabaseAsync());

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            await Database.DisposeAsync();
        }
    }

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
        var challenge = response.Headers.WwwAuthenticate.Single();
        Assert.Equal("Bearer", challenge.Scheme);
        var metadata = challenge.Parameter!.Split('"').Single(part => part.StartsWith("http", StringComparison.Ordinal));

        using var http = new HttpClient();
        var document = await http.GetFromJsonAsync<JsonElement>(metadata, Cancellation);
        Assert.Equal(shop.Server.McpAddress.ToString(), document.GetProperty("resource").GetString());
        Assert.Contains("catalog.read", document.GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString()));
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
        await Assert.ThrowsAsync<McpProtocolException>(async () => await client.CallToolAsync("list_stores", cancellationToken: Cancellation));
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

    static Dictionary<string, string?> Settings(params (string Key, string? Value)[] settings) => new(
        settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)))
    {
        ["ConnectionStrings:retail_db"] = "Host=127.0.0.1",
        ["Database:ContextKey:Secret"] = Convert.ToBase64String(new byte[32]),
    };

    [Fact]
    public void Outside_Development_there_must_be_an_authority_and_an_audience()
    {
        Assert.Contains("Identity:Authority is not set", Assert.Throws<InvalidOperationException>(() => RunningServer.Build("Production", Settings())).Message);
        Assert.Contains("Identity:Audience is not set", Assert.Throws<InvalidOperationException>(() =>
            RunningServer.Build("Production", Settings(("Identity:Authority", "https://login.example.com")))).Message);
    }

    [Fact]
    public async Task With_an_authority_no_development_tokens_are_made()
    {
        var folder = Directory.CreateTempSubdirectory("zava-test-");
        await using var app = RunningServer.Build("Development", new(Settings(
            ("Identity:Authority", "https://login.example.com"), ("Identity:Audience", "zava"), ("Identity:DevelopmentFolder", folder.FullName)))
        {
            ["ConnectionStrings:retail_db"] = shop.Database.ConnectionString(DatabaseRole.Application),
        });
        await app.StartAsync(Cancellation);
        Assert.Empty(folder.GetFiles());
        Assert.Null(app.Services.GetService(typeof(DevelopmentIssuer)));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_misspelt_setting_or_a_dangerous_login_stops_the_start()
    {
        await using var misspelt = RunningServer.Build("Development", Settings(("Identity:Authorty", "https://x"), ("Identity:DevelopmentFolder", shop.Server.DevelopmentFolder)));
        Assert.Contains("Authorty", (await Assert.ThrowsAnyAsync<Exception>(() => misspelt.StartAsync(Cancellation))).Message);

        await using var superuser = RunningServer.Build("Development", new(Settings(("Identity:DevelopmentFolder", shop.Server.DevelopmentFolder)))
        {
            ["ConnectionStrings:retail_db"] = shop.Database.AdministratorConnectionString,
        });
        Assert.Contains("Refusing to start", (await Assert.ThrowsAsync<DatabaseSetupException>(() => superuser.StartAsync(Cancellation))).Message);

        Assert.Contains("Database:ContextKey:Secret", Assert.Throws<InvalidOperationException>(() =>
            RunningServer.Build("Development", new(Settings()) { ["Database:ContextKey:Secret"] = "short" })).Message);
    }

    [Fact]
    public async Task Health_is_open_and_says_healthy()
    {
        using var http = shop.Server.CreateHttpClient(null);
        Assert.Equal("Healthy", await http.GetStringAsync("/health", Cancellation));
        Assert.Equal("Healthy", await http.GetStringAsync("/alive", Cancellation));
    }
}
