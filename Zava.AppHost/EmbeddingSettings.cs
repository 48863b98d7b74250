namespace Zava.AppHost;

/// <summary>Which embedding model the worker and the server use, from the parameter <c>embeddings</c>.</summary>
sealed class EmbeddingSettings
{
    static readonly string[] Providers = ["local", "openai", "azure-openai", "ollama"];

    readonly Dictionary<string, object> _settings = [];

    public EmbeddingSettings(IDistributedApplicationBuilder builder)
    {
        var provider = builder.Configuration["Parameters:embeddings"] ?? Providers[0];
        if (!Providers.Contains(provider))
            throw new DistributedApplicationException($"The parameter embeddings is '{provider}': it must be one of {string.Join(", ", Providers)}.");
        if (provider == "ollama" && builder.ExecutionContext.IsPublishMode)
            throw new DistributedApplicationException("The parameter embeddings is 'ollama', which runs on this machine: deploy with local, openai or azure-openai.");

        builder.AddParameter("embeddings", provider, publishValueAsDefault: true)
            .WithDescription("`local`, a model that needs no network; `openai`; `azure-openai`; or `ollama` on this machine", enableMarkdown: true);
        _settings["Provider"] = provider == "local" ? provider : "openai";
        switch (provider)
        {
            case "openai":
                ApiKey = builder.AskForSecret("openai-api-key", "Key of OpenAI or a compatible endpoint");
                break;
            case "azure-openai":
                ApiKey = builder.AskForSecret("openai-api-key", "Key of the Azure OpenAI resource");
                _settings["OpenAI__Endpoint"] = builder.AddParameter("openai-endpoint")
                    .WithDescription("Such as `https://NAME.openai.azure.com/openai/v1/`", enableMarkdown: true).Resource;
                break;
            case "ollama":
                // It asks for a key and takes any.
                _settings["OpenAI__ApiKey"] = "ollama";
                _settings["OpenAI__Endpoint"] = "http://localhost:11434/v1";
                _settings["OpenAI__Model"] = "nomic-embed-text";
                _settings["OpenAI__Dimensions"] = "768";
                break;
        }
        if (provider != "local")
            foreach (var setting in (string[])["Endpoint", "Model", "Dimensions"])
                if (builder.Configuration[$"Embeddings:OpenAI:{setting}"] is { Length: > 0 } value)
                    _settings[$"OpenAI__{setting}"] = value;
    }

    /// <summary>Settings of the section <c>Embeddings</c>, values or parameters, as environment variables name them.</summary>
    public IReadOnlyDictionary<string, object> Settings => _settings;

    public Secret? ApiKey { get; }
}

static class EmbeddingSettingsExtensions
{
    public static IResourceBuilder<ProjectResource> WithEmbeddings(this IResourceBuilder<ProjectResource> service, EmbeddingSettings embeddings)
    {
        service.WithEnvironment(context =>
        {
            foreach (var (name, value) in embeddings.Settings)
                context.EnvironmentVariables[$"Embeddings__{name}"] = value;
        });
        return embeddings.ApiKey is { } key ? service.WithSecret("Embeddings__OpenAI__ApiKey", key) : service;
    }
}
