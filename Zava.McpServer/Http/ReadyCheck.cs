using Zava.Database;

namespace Zava.McpServer.Http;

/// <summary>Takes no request before the database was found ready and its login safe; a load balancer asks <c>/ready</c>.</summary>
sealed class ReadyCheck(RequestDelegate next, DatabaseReadiness database)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (database.HasBeenReady)
            return next(context);
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        context.Response.Headers.RetryAfter = "5";
        return context.Response.WriteAsJsonAsync(new
        {
            error = "not_ready",
            error_description = "The server has started and waits for its database; try again in a few seconds.",
        });
    }
}
