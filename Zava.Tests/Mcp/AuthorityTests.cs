using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>With an OpenID Connect authority, only its tokens for this audience are accepted.</summary>
public sealed class AuthorityTests(DatabaseTemplate template)
{
    const string Audience = "api://zava";

    [Fact]
    public async Task Only_tokens_of_the_authority_for_this_audience_are_accepted()
    {
        using var rsa = RSA.Create(2048);
        var key = new RsaSecurityKey(rsa) { KeyId = "1" };
        await using var authority = await LocalService.StartAsync(app =>
        {
            app.MapGet("/.well-known/openid-configuration", () => Results.Json(new { issuer = app.Urls.First(), jwks_uri = $"{app.Urls.First()}/keys" }));
            app.MapGet("/keys", () =>
            {
                var jwk = JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(rsa.ExportParameters(false)) { KeyId = "1" });
                return Results.Json(new { keys = (object[])[new { kty = jwk.Kty, kid = jwk.Kid, n = jwk.N, e = jwk.E, use = "sig", alg = "RS256" }] });
            });
        });
        var issuer = authority.Urls.First();

        await using var database = await template.CreateDatabaseAsync();
        var folder = Directory.CreateTempSubdirectory("zava-test-");
        await using var server = RunningServer.Build("Development", new()
        {
            ["ConnectionStrings:retail_db"] = database.ConnectionString(DatabaseRole.Application),
            ["Database:ContextKey:Secret"] = Convert.ToBase64String(database.Key.Secret),
            ["Identity:Authority"] = issuer,
            ["Identity:Audience"] = Audience,
            ["Identity:DevelopmentFolder"] = folder.FullName,
        });
        await server.StartAsync(TestContext.Current.CancellationToken);
        using var http = new HttpClient { BaseAddress = new Uri(server.Urls.First()) };
        http.DefaultRequestHeaders.Accept.ParseAdd("application/json, text/event-stream");

        var credentials = new SigningCredentials(key, SecurityAlgorithms.RsaSha256);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Token(credentials, issuer, Audience, TimeSpan.FromMinutes(5))));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Token(credentials, issuer, "api://other", TimeSpan.FromMinutes(5))));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Token(credentials, "https://other.example.com", Audience, TimeSpan.FromMinutes(5))));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Token(credentials, issuer, Audience, TimeSpan.FromMinutes(-30))));
        using var otherRsa = RSA.Create(2048);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Token(
            new(new RsaSecurityKey(otherRsa) { KeyId = "1" }, SecurityAlgorithms.RsaSha256), issuer, Audience, TimeSpan.FromMinutes(5))));
        // The public key, misused as the secret of a symmetric signature.
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Token(
            new(new SymmetricSecurityKey(rsa.ExportSubjectPublicKeyInfo()), SecurityAlgorithms.HmacSha256), issuer, Audience, TimeSpan.FromMinutes(5))));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(new DevelopmentIssuer(folder.FullName).Issue(Persona.All[0])));
        folder.Delete(recursive: true);

        async Task<HttpStatusCode> StatusAsync(string token)
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var response = await http.PostAsJsonAsync("/mcp", new { jsonrpc = "2.0", id = 1, method = "tools/list" }, TestContext.Current.CancellationToken);
            return response.StatusCode;
        }
    }

    static string Token(SigningCredentials credentials, string issuer, string audience, TimeSpan validFor) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = issuer,
        Audience = audience,
        NotBefore = DateTime.UtcNow - TimeSpan.FromHours(1),
        Expires = DateTime.UtcNow + validFor,
        Claims = new Dictionary<string, object> { ["sub"] = "ada@example.com", ["stores"] = (string[])["seattle"], ["scp"] = "catalog.read" },
        SigningCredentials = credentials,
    });
}
