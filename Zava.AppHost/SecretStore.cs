using Aspire.Hosting.Azure;

namespace Zava.AppHost;

/// <summary>A value that no environment, manifest or log shows.</summary>
/// <param name="Value">The value where the application runs on this machine.</param>
/// <param name="Kept">Where it is kept when the application is deployed.</param>
sealed record Secret(ReferenceExpression Value, IAzureKeyVaultSecretReference? Kept);

/// <summary>Passwords and keys: secret parameters on this machine, in a Key Vault when deployed.</summary>
sealed class SecretStore(IDistributedApplicationBuilder builder)
{
    readonly IResourceBuilder<AzureKeyVaultResource>? _vault = builder.ExecutionContext.IsPublishMode ? builder.AddAzureKeyVault("secrets") : null;

    /// <summary>
    /// A parameter that is generated once and kept, here in the AppHost's user secrets. Letters and digits need no quoting in a
    /// connection string, and 44 of them are also base64 of 33 bytes, as the context key has to be.
    /// </summary>
    public IResourceBuilder<ParameterResource> GenerateParameter(string name, string description) => builder
        .AddParameter(name, new GenerateParameterDefault { MinLength = 44, Special = false }, secret: true, persist: true)
        .WithDescription(description);

    public Secret Generate(string name, string description) => Keep(name, ReferenceExpression.Create($"{GenerateParameter(name, description)}"));

    /// <summary>A parameter that somebody has to give.</summary>
    public Secret Ask(string name, string description) =>
        Keep(name, ReferenceExpression.Create($"{builder.AddParameter(name, secret: true).WithDescription(description)}"));

    public Secret Keep(string name, ReferenceExpression value) => new(value, _vault?.AddSecret($"{name}-kept", name, value).Resource);
}

static class SecretExtensions
{
    public static IResourceBuilder<T> WithSecret<T>(this IResourceBuilder<T> service, string variable, Secret secret) where T : IResourceWithEnvironment =>
        secret.Kept is { } kept ? service.WithEnvironment(variable, kept) : service.WithEnvironment(variable, secret.Value);
}
