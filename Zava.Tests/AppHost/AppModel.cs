using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Zava.Tests.AppHost;

/// <summary>The AppHost's model, without the orchestrator that would start it: that needs no Docker and leaves nothing behind.</summary>
sealed class AppModel(DistributedApplication app) : IAsyncDisposable
{
    public static readonly string[] Secrets =
        ["postgres-password", "seeder-password", "worker-password", "mcp-user-password", "operator-password", "context-key"];

    public static readonly string[] Run = [];

    public static readonly string[] Publish = ["--operation", "publish"];

    // Outside of Development the AppHost reads no user secrets: the tests neither depend on a developer's nor add to them.
    const string Isolated = "--environment=Test";

    readonly DistributedApplicationModel _model = app.Services.GetRequiredService<DistributedApplicationModel>();

    /// <summary>The AppHost's builder; its secrets have the given values.</summary>
    public static Task<IDistributedApplicationTestingBuilder> CreateBuilderAsync(
        Func<string, string> secret, CancellationToken cancellationToken, params string[] arguments) =>
        DistributedApplicationTestingBuilder.CreateAsync<Projects.Zava_AppHost>(
            [Isolated, .. Secrets.Select(name => $"--Parameters:{name}={secret(name)}"), .. arguments], cancellationToken);

    /// <summary>The model in which the value of every secret is the secret's name.</summary>
    public static async Task<AppModel> BuildAsync(params string[] arguments)
    {
        var builder = await CreateBuilderAsync(name => name, TestContext.Current.CancellationToken, arguments);

        // Building makes the AppHost go on to its Run(): without hosted services there is no orchestrator or publisher to run.
        builder.Services.RemoveAll<IHostedService>();
        var app = await builder.BuildAsync(TestContext.Current.CancellationToken);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new(app);
    }

    public IEnumerable<IResource> Resources => _model.Resources;

    public IEnumerable<string> Services => _model.GetProjectResources().Select(project => project.Name);

    public IResource this[string name] => _model.Resources.Single(resource => resource.Name == name);

    public bool Has(string name) => _model.Resources.Any(resource => resource.Name == name);

    public TAnnotation Annotation<TAnnotation>(string name) where TAnnotation : IResourceAnnotation =>
        Assert.Single(this[name].Annotations.OfType<TAnnotation>());

    /// <summary>What a service will find in its environment: values when running, the manifest's expressions when publishing.</summary>
    public async Task<IReadOnlyDictionary<string, string>> EnvironmentAsync(string service) =>
        (await ConfigurationAsync(service)).EnvironmentVariables.ToDictionary();

    public async Task<IEnumerable<string>> ArgumentsAsync(string service) =>
        (await ConfigurationAsync(service)).Arguments.Select(argument => argument.Value);

    /// <summary>What stands for a secret in a service's environment: its value, here its name, or where the service's Key Vault has it.</summary>
    public string ValueOf(string service, string secret) => Context.IsPublishMode ? $"{{{VaultOf(service)}.secrets.{secret}}}" : secret;

    public static string VaultOf(string service) => $"{service.Split('-')[^1]}-kv";

    public ValueTask DisposeAsync() => app.DisposeAsync();

    DistributedApplicationExecutionContext Context => app.Services.GetRequiredService<DistributedApplicationExecutionContext>();

    Task<IExecutionConfigurationResult> ConfigurationAsync(string service)
    {
        // Addresses come with starting; without one, a connection string would wait for it.
        foreach (var endpoint in _model.Resources.SelectMany(resource => resource.Annotations.OfType<EndpointAnnotation>()))
            endpoint.AllocatedEndpoint ??= new(endpoint, "localhost", 5432, targetPortExpression: "5432");

        return ExecutionConfigurationBuilder.Create(this[service])
            .WithArgumentsConfig()
            .WithEnvironmentVariablesConfig()
            .BuildAsync(Context, cancellationToken: TestContext.Current.CancellationToken);
    }
}
