using Microsoft.Extensions.Options;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Http;

/// <summary>
/// Refuses requests that a page of another site makes in somebody's browser, as MCP requires of HTTP servers. Programs send
/// no Origin header. The Host header is checked by the framework (setting <c>AllowedHosts</c>).
/// </summary>
sealed class OriginCheck(RequestDelegate next, IOptions<IdentityOptions> options)
{
    public Task InvokeAsync(HttpContext context)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || IsAllowed(origin, context.Request.Host))
            return next(context);
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return context.Response.WriteAsJsonAsync(new
        {
            error = "forbidden_origin",
            error_description = "Pages of this origin may not call the server; Identity:AllowedOrigins names those that may.",
        });
    }

    bool IsAllowed(string origin, HostString host) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        // A proxy may have ended TLS, so that the schemes differ.
        && ((string.Equals(uri.Host, host.Host, StringComparison.OrdinalIgnoreCase) && uri.Port == (host.Port ?? uri.Port) && (host.Port is not null || uri.IsDefaultPort))
            || IsSame(uri, options.Value.PublicUrl)
            || options.Value.AllowedOrigins.Any(allowed => IsSame(uri, allowed)));

    static bool IsSame(Uri origin, Uri? allowed) =>
        allowed is not null && Uri.Compare(origin, allowed, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;
}
