using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Microsoft.Net.Http.Headers;
using Zava.McpServer.Operations;

namespace Zava.McpServer.Identity;

/// <summary>
/// Refuses with the challenge of RFC 6750 and RFC 9728: what is wrong with the token, the scope that is missing, and where
/// to find out how to sign in.
/// </summary>
sealed class BearerChallenge(IOptions<IdentityOptions> options) : IAuthorizationMiddlewareResultHandler
{
    public const string Unreadable = "The token cannot be accepted.";

    public const string NobodyNamed = $"The token must name a user (claim sub) and stores (claim {Caller.StoresClaim}: store ids, or * alone for all).";

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
            await next(context);
        else if (authorizeResult.Forbidden)
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "insufficient_scope", NobodyNamed, scope: null);
        else if (context.Request.Headers.Authorization.Count == 0 && context.GetEndpoint()?.Metadata.GetMetadata<SignInPath>() is { Path: var path })
            context.Response.Redirect(path);
        else if ((await context.AuthenticateAsync()).Failure is { } failure)
            await RefuseAsync(context, StatusCodes.Status401Unauthorized, "invalid_token", Describe(failure), Scopes.CatalogRead);
        else
            await RefuseAsync(context, StatusCodes.Status401Unauthorized, error: null, "Send a bearer token in the Authorization header.", Scopes.CatalogRead);
    }

    /// <param name="context">The request, whose response has not begun.</param>
    /// <param name="status">401 or 403.</param>
    /// <param name="error">The error code of RFC 6750; <c>null</c> when there was no token at all.</param>
    /// <param name="description">For a person: no double quote and no backslash.</param>
    /// <param name="scope">The scopes to ask for, separated by spaces.</param>
    public Task RefuseAsync(HttpContext context, int status, string? error, string description, string? scope)
    {
        var request = context.Request;
        var address = options.Value.PublicUrl?.ToString() ?? $"{request.Scheme}://{request.Host.ToUriComponent()}";
        List<string> parameters = [$"resource_metadata=\"{address.TrimEnd('/')}/.well-known/oauth-protected-resource{McpServer.Extensions.McpPath}\""];
        if (error is not null)
            parameters.AddRange([$"error=\"{error}\"", $"error_description=\"{description}\""]);
        if (scope is not null)
            parameters.Add($"scope=\"{scope}\"");

        context.Response.StatusCode = status;
        context.Response.Headers[HeaderNames.WWWAuthenticate] = $"Bearer {string.Join(", ", parameters)}";
        return context.Response.WriteAsJsonAsync(new { error = error ?? "unauthorized", error_description = description });
    }

    /// <summary>What is wrong with a token, for the person who sent it.</summary>
    public static string Describe(Exception failure) => failure switch
    {
        SecurityTokenExpiredException expired => $"The token expired at {expired.Expires:u}.",
        SecurityTokenNotYetValidException early => $"The token is not valid before {early.NotBefore:u}.",
        SecurityTokenInvalidAudienceException => "The token is for another audience.",
        SecurityTokenInvalidIssuerException => "The token is of another issuer.",
        SecurityTokenInvalidSignatureException or SecurityTokenSignatureKeyNotFoundException => "The signature of the token does not hold.",
        _ => Unreadable,
    };
}
