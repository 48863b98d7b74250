using Azure.Monitor.OpenTelemetry.Exporter;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Zava.ServiceDefaults;

/// <summary>Where telemetry goes: nowhere, unless a setting says so.</summary>
static class TelemetryExporters
{
    public const string MetricsEndpoint = "/metrics";

    const string PortSetting = "Metrics:PrometheusPort";

    public static void AddTelemetryExporters(this IHostApplicationBuilder builder)
    {
        var telemetry = builder.Services.AddOpenTelemetry();
        if (!string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
            telemetry.UseOtlpExporter();
        if (builder.Configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"] is { Length: > 0 } insights)
            telemetry
                .WithTracing(tracing => tracing.AddAzureMonitorTraceExporter(azure => azure.ConnectionString = insights))
                .WithMetrics(metrics => metrics.AddAzureMonitorMetricExporter(azure => azure.ConnectionString = insights))
                .WithLogging(logging => logging.AddAzureMonitorLogExporter(azure => azure.ConnectionString = insights));
        if (PrometheusPort(builder.Configuration) is not null)
            telemetry.WithMetrics(metrics => metrics.AddPrometheusExporter());
    }

    /// <summary>Answers scrapes on the port that is meant for them and no other: metrics name stores and count what they do.</summary>
    public static void MapMetrics(this WebApplication app)
    {
        if (PrometheusPort(app.Configuration) is { } port)
            app.UseOpenTelemetryPrometheusScrapingEndpoint(context => context.Request.Path == MetricsEndpoint && context.Connection.LocalPort == port);
    }

    static int? PrometheusPort(IConfiguration configuration) => configuration[PortSetting] switch
    {
        null or "" => null,
        var text when int.TryParse(text, out var port) && port is > 0 and < 65536 => port,
        var text => throw new InvalidOperationException($"{PortSetting} must be a port number from 1 to 65535, not '{text}'."),
    };
}
