using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Zava.ServiceDefaults;

/// <summary>What every service of the application shares: telemetry, health, service discovery, resilient HTTP.</summary>
public static class Extensions
{
    const string HealthEndpoint = "/health";
    const string AlivenessEndpoint = "/alive";

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

    /// <summary>Logs, metrics and traces; exported by OTLP when the standard OTEL_EXPORTER_OTLP_ENDPOINT is set.</summary>
    public static TBuilder ConfigureOpenTelemetry<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        // At Information it logs every statement, the idle worker's too; traces have them.
        builder.Logging.AddFilter("Npgsql", LogLevel.Warning);
        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter(TelemetryNames))
            .WithTracing(tracing => tracing
                // Before any exporter.
                .AddProcessor(new ToolErrorTextRemover())
                .AddSource([builder.Environment.ApplicationName, .. TelemetryNames])
                .AddAspNetCoreInstrumentation(http => http.Filter = request =>
                    !request.Request.Path.StartsWithSegments(HealthEndpoint)
                    && !request.Request.Path.StartsWithSegments(AlivenessEndpoint))
                .AddHttpClientInstrumentation());

        if (!string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
            builder.Services.AddOpenTelemetry().UseOtlpExporter();
        return builder;
    }

    /// <summary>Sources and meters of this application and of the libraries that it is made of.</summary>
    static readonly string[] TelemetryNames = ["Zava.*", ToolErrorTextRemover.Source, ToolErrorTextRemover.EmbeddingSource];

    /// <summary>Maps <c>/health</c> (may take requests) and <c>/alive</c> (need not be restarted).</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthChecks(HealthEndpoint);
        app.MapHealthChecks(AlivenessEndpoint, new HealthCheckOptions { Predicate = check => check.Tags.Contains("live") });
        return app;
    }
}
