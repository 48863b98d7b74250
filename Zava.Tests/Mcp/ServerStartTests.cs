using System.Net;
using Npgsql;
using Zava.Database;
using Zava.McpServer.Identity;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>With which settings and logins a server starts, and stays in service.</summary>
public sealed class ServerStartTests(EmptyShop shop) : IClassFixture<EmptyShop>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Outside_Development_there_must_be_an_authority_and_an_audience()
    {
        Assert.Contains("Identity:Authority is not set", Assert.Throws<InvalidOperationException>(() => RunningServer.Build("Production", EmptyShop.Settings())).Message);
        Assert.Contains("Identity:Audience is not set", Assert.Throws<InvalidOperationException>(() =>
            RunningServer.Build("Production", EmptyShop.Settings(("Identity:Authority", "https://login.example.com")))).Message);
    }

    [Fact]
    public async Task With_an_authority_no_development_tokens_are_made()
    {
        var folder = Directory.CreateTempSubdirectory("zava-test-");
        await using var app = RunningServer.Build("Development", new(EmptyShop.Settings(
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
        await using var misspelt = RunningServer.Build("Development", EmptyShop.Settings(("Identity:Authorty", "https://x"), ("Identity:DevelopmentFolder", shop.FolderOfItsOwn())));
        Assert.Contains("Authorty", (await Assert.ThrowsAnyAsync<Exception>(() => misspelt.StartAsync(Cancellation))).Message);

        foreach (var limit in (string[])["Limits:RequestPerMinute", "Limits:RequestBytes"])
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                await using var limited = RunningServer.Build("Development", new(EmptyShop.Settings((limit, "7"), ("Identity:DevelopmentFolder", shop.FolderOfItsOwn())))
                {
                    ["ConnectionStrings:retail_db"] = shop.Database.ConnectionString(DatabaseRole.Application),
                });
                await limited.StartAsync(Cancellation);
            });

        await using var superuser = RunningServer.Build("Development", new(EmptyShop.Settings(("Identity:DevelopmentFolder", shop.FolderOfItsOwn())))
        {
            ["ConnectionStrings:retail_db"] = shop.Database.AdministratorConnectionString,
        });
        Assert.Contains("Refusing to start", (await Assert.ThrowsAsync<DatabaseSetupException>(() => superuser.StartAsync(Cancellation))).Message);

        await using var operatedBySuperuser = RunningServer.Build("Development", new(EmptyShop.Settings(("Identity:DevelopmentFolder", shop.FolderOfItsOwn())))
        {
            ["ConnectionStrings:retail_db"] = shop.Database.ConnectionString(DatabaseRole.Application),
            ["ConnectionStrings:retail_db_ops"] = shop.Database.AdministratorConnectionString,
        });
        Assert.Contains("is a superuser", (await Assert.ThrowsAsync<DatabaseSetupException>(() => operatedBySuperuser.StartAsync(Cancellation))).Message);

        Assert.Contains("Database:ContextKey:Secret", Assert.Throws<InvalidOperationException>(() =>
            RunningServer.Build("Development", new(EmptyShop.Settings()) { ["Database:ContextKey:Secret"] = "short" })).Message);
    }

    [Fact]
    public async Task Health_is_open_and_says_healthy()
    {
        using var http = shop.Server.CreateHttpClient(null);
        Assert.Equal("Healthy", await http.GetStringAsync("/health", Cancellation));
        Assert.Equal("Healthy", await http.GetStringAsync("/alive", Cancellation));
    }

    [Fact]
    public async Task A_login_that_is_given_rights_past_row_level_security_takes_the_server_out_of_service()
    {
        // A login of this test's own: roles are shared by all databases of the cluster.
        var login = $"zava_test_{Guid.NewGuid():N}"[..30];
        await shop.Database.ExecuteAsync($"CREATE ROLE {login} LOGIN IN ROLE mcp_user PASSWORD 'x'; GRANT CONNECT ON DATABASE {new NpgsqlConnectionStringBuilder(shop.Database.AdministratorConnectionString).Database} TO {login}; GRANT USAGE ON SCHEMA retail TO {login}");
        await using var app = RunningServer.Build("Development", new(EmptyShop.Settings(("Identity:DevelopmentFolder", shop.FolderOfItsOwn())))
        {
            ["ConnectionStrings:retail_db"] = new NpgsqlConnectionStringBuilder(shop.Database.ConnectionString(DatabaseRole.Application)) { Username = login, Password = "x" }.ConnectionString,
        });
        await app.StartAsync(Cancellation);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        Assert.Equal("Healthy", await http.GetStringAsync("/health", Cancellation));
        await shop.Database.ExecuteAsync($"ALTER ROLE {login} BYPASSRLS");
        using var health = await http.GetAsync("/health", Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        await app.StopAsync(Cancellation);
        await app.DisposeAsync();
        await shop.Database.ExecuteAsync($"DROP OWNED BY {login}; DROP ROLE {login}");
    }
}
