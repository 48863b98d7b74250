using Aspire.Hosting.Azure;
using Azure.Provisioning.Expressions;
using Azure.Provisioning.PostgreSql;
using Azure.Provisioning.Primitives;

namespace Zava.AppHost;

/// <summary>What Azure Database for PostgreSQL flexible server is given besides its defaults.</summary>
static class FlexibleServer
{
    // PostgreSQL's own settings with their reasons are in Zava.Database/postgresql-settings.sh; memory and files are Azure's business.
    static readonly (string Name, string Value)[] Parameters =
    [
        // What DatabaseBootstrapper and Monitoring.sql create; Azure refuses others than these.
        ("azure.extensions", "BTREE_GIN,PGCRYPTO,PG_STAT_STATEMENTS,PG_TRGM,VECTOR"),
        ("random_page_cost", "1.1"),
        ("pg_stat_statements.track_utility", "off"),
        ("log_min_duration_statement", "1000"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
        ("log_lock_waits", "on"),
        ("log_temp_files", "102400"),
    ];

    public static void Configure(AzureResourceInfrastructure infrastructure)
    {
        var server = infrastructure.GetProvisionableResources().OfType<PostgreSqlFlexibleServer>().Single();
        server.Version = new StringLiteralExpression("17");
        // The smallest that takes the pools of several servers: burstable ones allow 35 to 50 connections.
        server.Sku = new() { Name = "Standard_D2ds_v5", Tier = PostgreSqlFlexibleServerSkuTier.GeneralPurpose };

        // One after the other: a server that is being changed refuses another change.
        ProvisionableResource last = infrastructure.GetProvisionableResources().OfType<PostgreSqlFlexibleServerDatabase>().Single();
        foreach (var (name, value) in Parameters)
        {
            var parameter = new PostgreSqlFlexibleServerConfiguration($"parameter_{name.Replace('.', '_')}")
            {
                Parent = server,
                Name = name,
                Value = value,
                Source = "user-override",
            };
            parameter.DependsOn.Add(last);
            infrastructure.Add(parameter);
            last = parameter;
        }
    }
}
