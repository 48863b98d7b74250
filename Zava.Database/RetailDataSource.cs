using Microsoft.Extensions.Hosting;
using Npgsql;
#if !USE_ASPIRE
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
#endif

namespace Zava.Database;

/// <summary>The one file that differs with the feed: Aspire.Npgsql's data source, or the same from Npgsql's own packages.</summary>
static class RetailDataSource
{
    // The name is what telemetry shows of the pool; without one it would show the connection string.
    static void Configure(NpgsqlDataSourceBuilder source, bool resetsSessions)
    {
        source.ConnectionStringBuilder.NoResetOnClose = !resetsSessions;
        source.Name = Extensions.DatabaseName;
        source.UseVector();
        // The statements of the tools are few and fixed: they are parsed once a connection. A setting of the connection
        // string wins.
        if (source.ConnectionStringBuilder.MaxAutoPrepare == 0)
            source.ConnectionStringBuilder.MaxAutoPrepare = 50;
        HideSql(source);
    }

    /// <summary>A data source like a service's, without the service.</summary>
    public static NpgsqlDataSource Create(string connectionString, bool resetsSessions = true)
    {
        var builder = new NpgsqlDataSourceBuilder(connectionString);
        Configure(builder, resetsSessions);
        return builder.Build();
    }

    /// <summary>Keeps SQL out of traces: a caller's own may quote anything.</summary>
    public static void HideSql(NpgsqlDataSourceBuilder source) => source.ConfigureTracing(tracing => tracing
        .ConfigureCommandEnrichmentCallback((span, _) => span.SetTag(SqlText, null))
        .ConfigureBatchEnrichmentCallback((span, _) => span.SetTag(SqlText, null)));

    // OpenTelemetry semantic conventions for databases.
    const string SqlText = "db.query.text";

#if USE_ASPIRE
    public static void AddRetailDataSource(this IHostApplicationBuilder builder, bool resetsSessions) =>
        builder.AddNpgsqlDataSource(Extensions.DatabaseName, configureDataSourceBuilder: source => Configure(source, resetsSessions));
#else
    public static void AddRetailDataSource(this IHostApplicationBuilder builder, bool resetsSessions)
    {
        var connectionString = builder.Configuration.GetConnectionString(Extensions.DatabaseName)
            ?? throw new InvalidOperationException($"ConnectionStrings:{Extensions.DatabaseName} is not set.");
        builder.Services.AddNpgsqlDataSource(connectionString, source => Configure(source, resetsSessions));
        builder.Services.AddHealthChecks().AddCheck<DataSourceHealthCheck>(Extensions.DatabaseName);
        builder.Services.AddOpenTelemetry()
            .WithTracing(tracing => tracing.AddNpgsql())
            .WithMetrics(metrics => metrics.AddNpgsqlInstrumentation());
    }

    sealed class DataSourceHealthCheck(NpgsqlDataSource dataSource) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken)
        {
            await using var command = dataSource.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
    }
#endif
}
