using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Azure;
using Zava.Database;

namespace Zava.Tests.AppHost;

/// <summary>What is deployed to Azure.</summary>
public sealed class DeploymentTests
{
    static readonly string[] OpenAI = ["--Parameters:embeddings=openai"];

    [Fact]
    public async Task Azure_is_only_in_a_deployment()
    {
        await using var run = await AppModel.BuildAsync(AppModel.Run);
        Assert.Empty(FromAzure(run));
        await using var publish = await AppModel.BuildAsync(AppModel.Publish);
        Assert.Contains("zava", FromAzure(publish));

        static IEnumerable<string> FromAzure(AppModel model) =>
            model.Resources.Where(resource => resource.GetType().Namespace!.StartsWith("Aspire.Hosting.Azure")).Select(resource => resource.Name);
    }

    [Fact]
    public async Task The_database_is_a_flexible_server()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        Assert.IsType<AzurePostgresFlexibleServerResource>(model["postgres"]);
        Assert.Equal(Extensions.DatabaseName, Assert.IsType<AzurePostgresFlexibleServerDatabaseResource>(model["retail-db"]).DatabaseName);
        Assert.Equal(["embedding-worker", "mcp-server", "seeder"], model.Services.Order());
    }

    [Fact]
    public async Task The_server_allows_the_extensions_that_the_schema_needs()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        var bicep = ((AzureProvisioningResource)model["postgres"]).GetBicepTemplateString();
        Assert.Contains("name: 'azure.extensions'", bicep);
        Assert.Contains("value: 'BTREE_GIN,PGCRYPTO,PG_STAT_STATEMENTS,PG_TRGM,VECTOR'", bicep);
        // Parameters that quote nothing of a customer's.
        Assert.Contains("name: 'log_parameter_max_length_on_error'", bicep);
    }

    [Fact]
    public async Task No_secret_is_a_plain_value()
    {
        await using var model = await AppModel.BuildAsync([.. AppModel.Publish, .. OpenAI]);
        var seen = 0;
        foreach (var service in model.Services)
            foreach (var (name, value) in await model.EnvironmentAsync(service))
            {
                if (name.StartsWith("ConnectionStrings__") || name.Contains("Password") || name.EndsWith("Secret") || name.EndsWith("ApiKey"))
                {
                    // Whose identity may read one secret of a vault may read all of it.
                    Assert.True(value.StartsWith($"{{{AppModel.VaultOf(service)}.secrets.") && value.EndsWith('}'), $"{service} {name}");
                    seen++;
                }
                Assert.DoesNotContain(AppModel.Secrets, secret => value.Contains($"{{{secret}.value}}"));
            }
        Assert.Equal(12, seen);
    }

    [Fact]
    public async Task The_names_of_vaults_are_short_enough_to_stay_unique()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        var vaults = model.Resources.OfType<AzureKeyVaultResource>().Select(vault => vault.Name).ToList();
        Assert.Equal(model.Services.Select(AppModel.VaultOf).Order(), vaults.Where(name => name != "postgres-kv").Order());
        // take('NAME-${uniqueString(resourceGroup().id)}', 24), of 13 characters.
        Assert.All(vaults.Where(name => name != "postgres-kv"), name => Assert.InRange(name.Length, 1, 24 - 13 - 1));
    }

    [Theory]
    [InlineData("worker-connection", DatabaseRole.Worker, "worker-password")]
    [InlineData("mcp-user-connection", DatabaseRole.Application, "mcp-user-password")]
    [InlineData("operator-connection", DatabaseRole.Operator, "operator-password")]
    [InlineData("administrator-connection", "{postgres-administrator.value}", "postgres-password")]
    public async Task Each_connection_is_of_its_own_login_and_checks_the_certificate(string secret, string login, string password)
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        var kept = Assert.Single(model.Resources.OfType<AzureKeyVaultSecretResource>(), resource => resource.SecretName == secret);
        Assert.Equal(
            $"Host={{postgres.outputs.hostName}};Database=retail_db;SSL Mode=VerifyFull;Username={login};Password={{{password}.value}}",
            ((IManifestExpressionProvider)kept.Value).ValueExpression);
    }

    [Fact]
    public async Task The_seeder_is_a_job_and_the_others_are_apps()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        Assert.Equal(["seeder"], model.Services.Where(service => model[service].Annotations.OfType<AzureContainerAppJobCustomizationAnnotation>().Any()));
    }

    [Fact]
    public async Task The_server_is_reached_from_outside_and_has_probes()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        Assert.All(model["mcp-server"].Annotations.OfType<EndpointAnnotation>(), endpoint => Assert.True(endpoint.IsExternal));
        Assert.Equal([(ProbeType.Readiness, "/ready"), (ProbeType.Liveness, "/alive")],
            model["mcp-server"].Annotations.OfType<EndpointProbeAnnotation>().Select(probe => (probe.Type, probe.Path)).Order());
        Assert.Single(model["mcp-server"].Annotations.OfType<AzureContainerAppCustomizationAnnotation>());
        Assert.Equal(1, model["mcp-server"].GetReplicaCount());
    }

    [Fact]
    public async Task The_worker_is_replaced_when_it_hangs_and_is_not_reached_from_outside()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        Assert.All(model["embedding-worker"].Annotations.OfType<EndpointAnnotation>(), endpoint => Assert.False(endpoint.IsExternal));
        var probe = model.Annotation<EndpointProbeAnnotation>("embedding-worker");
        Assert.Equal((ProbeType.Liveness, "/alive"), (probe.Type, probe.Path));
    }

    [Fact]
    public async Task The_server_is_given_an_authority_that_somebody_has_to_name()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        var environment = await model.EnvironmentAsync("mcp-server");
        Assert.Equal("{identity-authority.value}", environment["Identity__Authority"]);
        Assert.Equal("{identity-audience.value}", environment["Identity__Audience"]);
        Assert.Null(Assert.IsType<ParameterResource>(model["identity-authority"]).Default);
        Assert.Null(Assert.IsType<ParameterResource>(model["identity-audience"]).Default);
    }
}
