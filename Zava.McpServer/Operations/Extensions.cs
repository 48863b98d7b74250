using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Net.Http.Headers;
using Zava.Database;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Operations;

static class Extensions
{
    const string Policy = "operations";

    // No style, script or address but the server's own; nothing inline. Pico's icons are data.
    const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Adds the operations page: for bearer tokens and, in Development, for a cookie that a one-time link is exchanged for.</summary>
    public static void AddOperationsPage(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        if (builder.Configuration.GetConnectionString(OperatorDatabase.ConnectionName) is { Length: > 0 } connectionString)
            services.AddSingleton(_ => new OperatorDatabase(connectionString));
        services.AddSingleton(provider => new OperationsReader(provider.GetRequiredService<TenantDatabase>(), provider.GetService<OperatorDatabase>()));
        services.AddSingleton<LiveView>();
        services.AddSingleton<SearchView>();
        services.AddSingleton<MonitoringView>();
        services.AddSingleton<SlowView>();
        services.AddSingleton<OperationsPage>();
        List<string> schemes = [JwtBearerDefaults.AuthenticationScheme];
        if (builder.IssuesTokens())
        {
            schemes.Add(SignInPage.Scheme);
            services.AddSingleton<SignInLink>();
            services.AddAuthentication().AddCookie(SignInPage.Scheme, cookie =>
            {
                cookie.Cookie.Name = "zava-operations";
                cookie.Cookie.HttpOnly = true;
                cookie.Cookie.SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Strict;
                cookie.ExpireTimeSpan = SignInPage.CookieLifetime;
                cookie.SlidingExpiration = false;
                // The key is in memory only: a restart signs everybody out.
                cookie.DataProtectionProvider = new EphemeralDataProtectionProvider();
            });
        }
        services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy
            .AddAuthenticationSchemes([.. schemes])
            .RequireAuthenticatedUser()
            .RequireAssertion(context => Caller.From(context.User) is not null));
    }

    /// <summary>Headers for whatever a browser may show, errors too.</summary>
    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin"; // With no-referrer, forms would send the Origin null.
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        return next(context);
    });

    public static void MapOperationsPage(this WebApplication app)
    {
        var all = app.MapGroup("").RequireRateLimiting(Http.Extensions.CallerLimit);
        var page = all.MapGroup("").RequireAuthorization(Policy).AddEndpointFilter(RequireScopeAsync);
        page.MapGet("/", (OperationsPage shown, ClaimsPrincipal user, CancellationToken cancellationToken) => shown.ShowAsync(user, null, null, cancellationToken));
        // POST, so that what is looked for is in no address; it changes nothing.
        page.MapPost("/", async (HttpContext context, OperationsPage shown) => await context.ReadFormAsync() is { } form
            ? await shown.ShowAsync(context.User, form["query"].ToString(), form["store"].ToString(), context.RequestAborted)
            : Results.BadRequest());
        page.MapGet("/operations/live", async (OperationsPage shown, ClaimsPrincipal user, CancellationToken cancellationToken) =>
            Layout.Fragment(await shown.LiveAsync(user, cancellationToken)));
        page.MapGet("/operations/slow", async (OperationsPage shown, ClaimsPrincipal user, CancellationToken cancellationToken) =>
            Layout.Fragment(await shown.SlowAsync(user, cancellationToken)));

        var assets = new EmbeddedFileProvider(typeof(Extensions).Assembly, "Zava.McpServer.Operations.Assets");
        all.MapGet("/assets/{name}", (string name) => assets.GetFileInfo(name) is { Exists: true } file
            ? Results.Stream(file.CreateReadStream(), name.EndsWith(".css", StringComparison.Ordinal) ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8")
            : Results.NotFound());
        if (app.Services.GetService<SignInLink>() is null)
            return;
        page.WithMetadata(new SignInPath(SignInLink.Path));
        all.MapGet(SignInLink.Path, SignInPage.Show);
        all.MapPost(SignInLink.Path, SignInPage.SignInAsync);
    }

    /// <returns><c>null</c> when the body is no form that can be read.</returns>
    public static async Task<IFormCollection?> ReadFormAsync(this HttpContext context)
    {
        try
        {
            return context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : null;
        }
        catch (Exception unreadable) when (unreadable is InvalidDataException or BadHttpRequestException)
        {
            return null;
        }
    }

    static async ValueTask<object?> RequireScopeAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        context.Response.Headers[HeaderNames.CacheControl] = "no-store";
        if (Scopes.Has(context.User, Scopes.OpsRead))
            return await next(invocation);
        await context.RequestServices.GetRequiredService<BearerChallenge>().RefuseAsync(
            context, StatusCodes.Status403Forbidden, "insufficient_scope", $"The operations page needs the scope {Scopes.OpsRead}.", Scopes.OpsRead);
        return Results.Empty;
    }
}
