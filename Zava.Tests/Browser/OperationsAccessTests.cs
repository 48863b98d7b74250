using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Browser;

/// <summary>Who gets to the operations page, by what, and what its answers allow a browser.</summary>
public sealed class OperationsAccessTests(OperationsAccessTests.EmptyShop shop) : IClassFixture<OperationsAccessTests.EmptyShop>
{
    public sealed class Clock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
    }

    public sealed class EmptyShop(DatabaseTemplate template) : IAsyncLifetime
    {
        public TestDatabase Database { get; private set; } = null!;

        public RunningServer Server { get; private set; } = null!;

        public Clock Clock { get; } = new();

        public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(
            Database = await template.CreateDatabaseAsync(), configure: builder => builder.Services.AddSingleton<TimeProvider>(Clock));

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            await Database.DisposeAsync();
        }
    }

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    HttpClient CreateBrowser() => new(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = true }) { BaseAddress = shop.Server.Address };

    static Task<HttpResponseMessage> RedeemAsync(HttpClient http, Uri link) => http.PostAsync(
        "/sign-in", new FormUrlEncodedContent([new("code", link.Fragment[1..])]), Cancellation);

    [Fact]
    public async Task A_browser_that_is_not_signed_in_is_led_to_the_sign_in_and_a_program_gets_the_challenge()
    {
        using var browser = CreateBrowser();
        using var led = await browser.GetAsync("/", Cancellation);
        Assert.Equal((HttpStatusCode.Redirect, "/sign-in"), (led.StatusCode, led.Headers.Location?.ToString()));

        using var program = shop.Server.CreateHttpClient("no.token.atall");
        using var challenged = await program.GetAsync("/", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, challenged.StatusCode);
        Assert.Contains("invalid_token", challenged.Headers.WwwAuthenticate.ToString());
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/operations/live")]
    [InlineData("/operations/slow")]
    public async Task A_token_needs_the_scope_ops_read(string path)
    {
        using var manager = shop.Server.CreateHttpClient(shop.Server.TokenOf("seattle-manager"));
        using var refused = await manager.GetAsync(path, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("insufficient_scope", refused.Headers.WwwAuthenticate.ToString());
        Assert.DoesNotContain("<", await refused.Content.ReadAsStringAsync(Cancellation));

        using var headOffice = shop.Server.CreateHttpClient(shop.Server.TokenOf("head-office"));
        using var shown = await headOffice.GetAsync(path, Cancellation);
        Assert.Equal(HttpStatusCode.OK, shown.StatusCode);
        Assert.True(shown.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task Searching_on_the_page_needs_the_scope_catalog_read_too()
    {
        var token = shop.Server.Issuer.Issue(new Dictionary<string, object> { ["sub"] = "ops@zava.example", ["stores"] = (string[])["*"], ["scope"] = "ops.read" });
        using var http = shop.Server.CreateHttpClient(token);
        using var answer = await http.PostAsync("/", new FormUrlEncodedContent([new("query", "a tent")]), Cancellation);
        var page = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains("Searching needs the scope catalog.read too.", page);
        Assert.DoesNotContain("Found in", page);
    }

    [Fact]
    public async Task A_link_signs_in_once_by_a_cookie_that_scripts_other_sites_and_the_tools_cannot_use()
    {
        var link = shop.Server.IssueSignInLink();
        Assert.Equal(64, link.Fragment[1..].Length);
        using var browser = CreateBrowser();
        using var signedIn = await RedeemAsync(browser, link);
        Assert.Equal((HttpStatusCode.Redirect, "/"), (signedIn.StatusCode, signedIn.Headers.Location?.ToString()));
        var cookie = Assert.Single(signedIn.Headers.GetValues("Set-Cookie"));
        Assert.Contains("; httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        using var shown = await browser.GetAsync("/", Cancellation);
        Assert.Equal(HttpStatusCode.OK, shown.StatusCode);

        using var tools = await browser.PostAsJsonAsync("/mcp", new { jsonrpc = "2.0", id = 1, method = "tools/list" }, Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, tools.StatusCode);

        using var other = CreateBrowser();
        using var again = await RedeemAsync(other, link);
        Assert.Equal(HttpStatusCode.Forbidden, again.StatusCode);
        Assert.False(again.Headers.Contains("Set-Cookie"));
        Assert.DoesNotContain(shop.Server.Log.Entries, entry => entry.Contains(link.Fragment[1..]));
    }

    [Fact]
    public async Task A_link_is_too_old_after_ten_minutes_and_the_cookie_after_an_hour()
    {
        using var browser = CreateBrowser();
        try
        {
            var old = shop.Server.IssueSignInLink();
            shop.Clock.Ahead += TimeSpan.FromMinutes(10);
            using (var refused = await RedeemAsync(browser, old))
                Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            var fresh = shop.Server.IssueSignInLink();
            shop.Clock.Ahead += TimeSpan.FromMinutes(9.9);
            using (var accepted = await RedeemAsync(browser, fresh))
                Assert.Equal(HttpStatusCode.Redirect, accepted.StatusCode);
            shop.Clock.Ahead += TimeSpan.FromMinutes(60);
            using var signedOut = await browser.GetAsync("/", Cancellation);
            Assert.Equal("/sign-in", signedOut.Headers.Location?.ToString());
        }
        finally
        {
            shop.Clock.Ahead = TimeSpan.Zero;
        }
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("null")]
    public async Task A_page_of_another_origin_can_post_nothing(string origin)
    {
        var link = shop.Server.IssueSignInLink();
        using var browser = CreateBrowser();
        browser.DefaultRequestHeaders.Add("Origin", origin);
        foreach (var path in (string[])["/sign-in", "/"])
        {
            using var refused = await browser.PostAsync(path, new FormUrlEncodedContent([new("code", link.Fragment[1..]), new("query", "a tent")]), Cancellation);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }
        using var own = CreateBrowser();
        using var unused = await RedeemAsync(own, link);
        Assert.Equal(HttpStatusCode.Redirect, unused.StatusCode);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/sign-in")]
    [InlineData("/assets/operations.js")]
    [InlineData("/assets/nothing.js")]
    public async Task Answers_allow_nothing_inline_and_nothing_of_others(string path)
    {
        using var browser = CreateBrowser();
        using var answer = await browser.GetAsync(path, Cancellation);
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none';", policy);
        Assert.DoesNotContain("unsafe", policy);
        Assert.DoesNotContain("*", policy);
        Assert.DoesNotContain("http", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
    }

    [Fact]
    public async Task With_an_authority_there_is_no_link_and_no_way_but_a_token()
    {
        await using var server = RunningServer.Build("Production", new()
        {
            ["ConnectionStrings:retail_db"] = shop.Database.ConnectionString(DatabaseRole.Application),
            ["Database:ContextKey:Secret"] = Convert.ToBase64String(shop.Database.Key.Secret),
            ["Identity:Authority"] = "https://login.example.com",
            ["Identity:Audience"] = "api://zava",
        });
        await server.StartAsync(Cancellation);
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(server.Urls.First()) };
        using var page = await http.GetAsync("/", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, page.StatusCode);
        using var signIn = await http.GetAsync("/sign-in", Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, signIn.StatusCode);
    }

    [Fact]
    public async Task The_limit_of_requests_holds_for_the_page()
    {
        await using var server = await RunningServer.StartAsync(shop.Database, configure: builder => builder.Configuration["Limits:RequestsPerMinute"] = "3");
        using var http = server.CreateHttpClient(server.TokenOf("head-office"));
        var statuses = new List<HttpStatusCode>();
        for (var request = 0; request < 5; request++)
        {
            using var answer = await http.GetAsync("/operations/live", Cancellation);
            statuses.Add(answer.StatusCode);
        }
        Assert.Contains(HttpStatusCode.OK, statuses);
        Assert.Contains(HttpStatusCode.TooManyRequests, statuses);
    }
}
