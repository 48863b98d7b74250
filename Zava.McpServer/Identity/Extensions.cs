using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.IdentityModel.Tokens;

namespace Zava.McpServer.Identity;

static class Extensions
{
    /// <summary>
    /// Bearer tokens of the configured authority or, in Development without one, of the server's own issuer; and a policy
    /// for each scope.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no authority outside Development, or no audience for it.</exception>
    public static void AddZavaIdentity(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<IdentityOptions>()
            .BindConfiguration(IdentityOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        var options = builder.Configuration.GetSection(IdentityOptions.Section).Get<IdentityOptions>() ?? new();

        builder.Services
            .AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
            .AddJwtBearer(bearer =>
            {
                bearer.MapInboundClaims = false;
                bearer.TokenValidationParameters.NameClaimType = "sub";
            })
            // Serves the metadata (RFC 9728) that BearerChallenge leads to.
            .AddMcp(mcp => mcp.ResourceMetadata = new()
            {
                Resource = options.PublicUrl is { } url ? McpServer.Extensions.McpUrl(url.ToString()) : null,
                ResourceName = "Zava Retail",
                AuthorizationServers = options.Authority is { } authority ? [authority] : [],
                ScopesSupported = [.. Scopes.All],
            });
        if (string.IsNullOrWhiteSpace(options.Authority))
            builder.AddDevelopmentIssuer(options);
        else
            builder.AddAuthority(options);

        builder.Services.AddSingleton<BearerChallenge>();
        builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler>(services => services.GetRequiredService<BearerChallenge>());
        var policies = builder.Services.AddAuthorizationBuilder()
            .AddPolicy(Caller.Policy, policy => policy.RequireAuthenticatedUser().RequireAssertion(context => Caller.From(context.User) is not null));
        foreach (var scope in Scopes.All)
            policies.AddPolicy(scope, policy => policy.RequireAssertion(context => Scopes.Has(context.User, scope)));
    }

    /// <summary>Hands out the personas' tokens, if the server makes them.</summary>
    public static void AddDevelopmentTokens(this WebApplicationBuilder builder)
    {
        if (builder.IssuesTokens())
            builder.Services.AddHostedService<DevelopmentTokens>();
    }

    /// <summary>Whether the server is its own issuer: in Development, without an authority.</summary>
    public static bool IssuesTokens(this WebApplicationBuilder builder) =>
        builder.Services.Any(service => service.ServiceType == typeof(DevelopmentIssuer));

    static void AddAuthority(this IHostApplicationBuilder builder, IdentityOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.Audience))
            throw new InvalidOperationException("Identity:Audience is not set: with an authority, tokens must name this server as their audience.");
        builder.Services.Configure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, bearer =>
        {
            bearer.Authority = options.Authority;
            // Plain http is for an authority on the developer's own machine.
            bearer.RequireHttpsMetadata = !builder.Environment.IsDevelopment();
            bearer.Audience = options.Audience;
        });
    }

    static void AddDevelopmentIssuer(this IHostApplicationBuilder builder, IdentityOptions options)
    {
        if (!builder.Environment.IsDevelopment())
            throw new InvalidOperationException(
                "Refusing to start: Identity:Authority is not set. Outside Development the server accepts only tokens of an OpenID Connect authority such as Entra ID.");

        var issuer = new DevelopmentIssuer(options.DevelopmentFolder ?? FindDevelopmentFolder(builder.Environment.ContentRootPath));
        builder.Services.AddSingleton(issuer);
        builder.Services.TryAddSingleton(new Terminal(Console.Out));
        builder.Services.Configure<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme, bearer =>
            bearer.TokenValidationParameters = new TokenValidationParameters
            {
                NameClaimType = "sub",
                ValidIssuer = DevelopmentIssuer.Issuer,
                ValidAudience = DevelopmentIssuer.Audience,
                IssuerSigningKey = issuer.Key,
                ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
            });
    }

    static string FindDevelopmentFolder(string contentRoot)
    {
        for (var folder = new DirectoryInfo(contentRoot); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Zava.sln")))
                return Path.Combine(folder.FullName, ".zava");
        return Path.Combine(contentRoot, ".zava");
    }
}
