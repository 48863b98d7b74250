using Aspire.Hosting.Azure;

namespace Zava.AppHost;

/// <summary>A password, a key or a connection string, which no environment, manifest or log shows.</summary>
/// <param name="Name">Its name in a Key Vault.</param>
/// <param name="Value">The value where the application runs on this machine.</param>
sealed record Secret(string Name, ReferenceExpression Value);

/// <summary>Secret parameters on this machine; when deployed, a Key Vault for each service, because an identity that may read a vault may read all of it.</summary>
static class SecretExtensions
{
    /// <summary>
    /// A parameter that is generated once and kept, here in the AppHost's user secrets. Letters and digits need no quoting in a
    /// connection string, and 44 of them are also base64 of 33 bytes, as the context key has to be.
    /// </summary>
    public static IResourceBuilder<ParameterResource> GenerateSecretParameter(this IDistributedApplicationBuilder builder, string name, string description) => builder
        .AddParameter(name, new GenerateParameterDefault { MinLength = 44, Special = false }, secret: true, persist: true)
        .WithDescription(description);

    public static Secret GenerateSecret(this IDistributedApplicationBuilder builder, string name, string description) =>
        new(name, ReferenceExpression.Create($"{builder.GenerateSecretParameter(name, description)}"));

    /// <summary>A parameter that somebody has to give.</summary>
    public static Secret AskForSecret(this IDistributedApplicationBuilder builder, string name, string description) =>
        new(name, ReferenceExpression.Create($"{builder.AddParameter(name, secret: true).WithDescription(description)}"));

    public static IResourceBuilder<ProjectResource> WithSecret(this IResourceBuilder<ProjectResource> service, string variable, Secret secret)
    {
        if (service.ApplicationBuilder.ExecutionContext.IsRunMode)
            return service.WithEnvironment(variable, secret.Value);
        var vault = service.Vault();
        return service.WithEnvironment(variable, vault.AddSecret($"{vault.Resource.Name}-{secret.Name}", secret.Name, secret.Value).Resource);
    }

    // Azure's name for it is cut after 24 characters, of which the last 13 make it unique.
    static IResourceBuilder<AzureKeyVaultResource> Vault(this IResourceBuilder<ProjectResource> service)
    {
        var name = $"{service.Resource.Name.Split('-')[^1]}-kv";
        var builder = service.ApplicationBuilder;
        return builder.Resources.OfType<AzureKeyVaultResource>().SingleOrDefault(vault => vault.Name == name) is { } made
            ? builder.CreateResourceBuilder(made)
            : builder.AddAzureKeyVault(name);
    }
}
