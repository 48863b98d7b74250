using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Zava.ServiceDefaults;

/// <summary>What every service of the application shares: telemetry, health, service discovery, resilient HTTP.</summary>
public static class Extensions
{
    internal const string HealthEndpoint = "/health";
    internal const string ReadinessEndpoint = "/ready";
    internal const string AlivenessEndpoint = "/alive";

    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.ConfigureOpenTelemetry();
        builder.Services.AddHealthChecks().AddCheck("self", () => HealthCheckResult.Healthy(), ["live"]);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(http =>
        {
            http.AddStandardResilienceHandler();
            http.AddServiceDiscovery();
        });
        return builder;
    }

    /// <summary>
    /// Maps <c>/alive</c> (need not be restarted, whatever others do), <c>/ready</c> (may take requests), <c>/health</c> (what is not
    /// as it should be, too), and <c>/metrics</c> where it is wanted.
    /// </summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapMetrics();
        app.MapHealth(HealthEndpoint, _ => true);
        app.MapHealth(ReadinessEndpoint, check => check.Tags.Contains("ready"));
        app.MapHealth(AlivenessEndpoint, check => check.Tags.Contains("live"));
        return app;
    }

    static void MapHealth(this WebApplication app, string path, Func<HealthCheckRegistration, bool> checks) =>
        app.MapHealthChecks(path, new HealthCheckOptions { Predicate = checks, ResponseWriter = HealthAnswer.WriteAsync });
}
