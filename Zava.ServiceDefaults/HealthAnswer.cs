using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Zava.ServiceDefaults;

/// <summary>What a probe is told: the one word when all is well, else which checks are not and why.</summary>
static class HealthAnswer
{
    public static Task WriteAsync(HttpContext context, HealthReport report) => report.Status == HealthStatus.Healthy
        ? context.Response.WriteAsync(nameof(HealthStatus.Healthy))
        : context.Response.WriteAsJsonAsync(new
        {
            status = $"{report.Status}",
            problems = report.Entries
                .Where(entry => entry.Value.Status != HealthStatus.Healthy)
                // An exception's message may name hosts and logins, and whoever reaches the port reads this.
                .ToDictionary(entry => entry.Key, entry => entry.Value.Exception is null ? entry.Value.Description : "It failed; the log says why."),
        });
}
