using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Zava.ServiceDefaults;

/// <summary>Logs, metrics and traces, as the standard OTEL_* variables want them: resource attributes, sampling and limits too.</summary>
public static class Telemetry
{
    /// <summary>Sources and meters of this application and of the libraries that it is made of.</summary>
    static readonly string[] Names = ["Zava.*", ToolErrorTextRemover.Source, ToolErrorTextRemover.EmbeddingSource];

    /// <summary>Paths that probes and scrapers ask every few seconds.</summary>
    static readonly string[] Untraced =
        [Extensions.HealthEndpoint, Extensions.ReadinessEndpoint, Extensions.AlivenessEndpoint, TelemetryExporters.MetricsEndpoint];

    public static TBuilder ConfigureOpenTelemetry<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        // At Information it logs every statement, the idle worker's too; traces have them.
        builder.Logging.AddFilter("Npgsql", LogLevel.Warning);
        // At Information it writes several lines for every request; traces and metrics have it.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .AddService(builder.Environment.ApplicationName, serviceNamespace: "zava", serviceVersion: Version)
                .AddAttributes([new("deployment.environment.name", builder.Environment.EnvironmentName)])
                // Last: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
                .AddEnvironmentVariableDetector())
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter(Names))
            .WithTracing(tracing => tracing
                // Before any exporter.
                .AddProcessor(new ToolErrorTextRemover())
                .AddSource([builder.Environment.ApplicationName, .. Names])
                .AddAspNetCoreInstrumentation(http => http.Filter = request => !Array.Exists(Untraced, path => request.Request.Path.StartsWithSegments(path)))
                .AddHttpClientInstrumentation());
        builder.AddTelemetryExporters();
        return builder;
    }

    static string? Version => typeof(Telemetry).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
}
