using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Net.Http.Headers;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Stdio;

/// <summary>Who is at the other end of standard input: whom the token in ZAVA_TOKEN names.</summary>
sealed class StdioCaller(IServiceScopeFactory scopes, IConfiguration configuration)
{
    const string Variable = "ZAVA_TOKEN";

    /// <summary>Checks the token as an HTTP request that carries it is checked, by the same handler and policy.</summary>
    /// <exception cref="TokenRefusedException">There is none, it does not hold, or it names no user or no stores.</exception>
    public async Task<ClaimsPrincipal> AuthenticateAsync()
    {
        if (configuration[Variable] is not { Length: > 0 } token)
            throw new TokenRefusedException($"{Variable} is not set: over standard input and output, the caller's bearer token is read from it.");

        await using var scope = scopes.CreateAsyncScope();
        var request = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        request.Request.Headers[HeaderNames.Authorization] = $"{JwtBearerDefaults.AuthenticationScheme} {token.Trim()}";
        var authentication = await request.AuthenticateAsync(JwtBearerDefaults.AuthenticationScheme);
        if (authentication is not { Succeeded: true, Principal: { } user })
            throw new TokenRefusedException($"{Variable}: {(authentication.Failure is { } failure ? BearerChallenge.Describe(failure) : BearerChallenge.Unreadable)}");
        var authorization = await scope.ServiceProvider.GetRequiredService<IAuthorizationService>().AuthorizeAsync(user, Caller.Policy);
        return authorization.Succeeded ? user : throw new TokenRefusedException($"{Variable}: {BearerChallenge.NobodyNamed}");
    }
}
