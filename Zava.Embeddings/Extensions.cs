using System.ClientModel;
using System.ClientModel.Primitives;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using OpenAI;

namespace Zava.Embeddings;

public static class Extensions
{
    /// <summary>
    /// Adds the configured <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c>, traced and metered, and the
    /// <see cref="EmbeddingModel"/> that it embeds with; and <see cref="EmbeddingProviders"/>, these and the model to change to,
    /// if one is configured. Refuses to start when the section is wrong.
    /// </summary>
    /// <param name="builder">The host.</param>
    /// <param name="retries">How often the client of a remote provider repeats a request; 0 for a service that does so itself.</param>
    public static TBuilder AddZavaEmbeddings<TBuilder>(this TBuilder builder, int retries = 3) where TBuilder : IHostApplicationBuilder
    {
        builder.Services.AddOptions<EmbeddingOptions>()
            .BindConfiguration(EmbeddingOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.AddSingleton(services => Options(services).Model);
        // No logger: it would log a provider's answer, which may quote the text.
        builder.Services.AddEmbeddingGenerator(services => Create(Options(services), retries)).UseOpenTelemetry(NullLoggerFactory.Instance);
        builder.Services.AddSingleton(services => new EmbeddingProviders(
            new(services.GetRequiredService<EmbeddingModel>(), services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>()),
            Options(services).Next is not { } next ? null
                : new(next.Model, new EmbeddingGeneratorBuilder<string, Embedding<float>>(Create(next, retries)).UseOpenTelemetry(NullLoggerFactory.Instance).Build(services))));
        return builder;
    }

    static EmbeddingOptions Options(IServiceProvider services) => services.GetRequiredService<IOptions<EmbeddingOptions>>().Value;

    static IEmbeddingGenerator<string, Embedding<float>> Create(EmbeddingOptions options, int retries)
    {
        if (options.Provider != "openai")
            return new UniversalSentenceEncoder();

        var openAI = options.OpenAI;
        var settings = new OpenAIClientOptions { RetryPolicy = new ClientRetryPolicy(retries) };
        if (openAI.Endpoint is { } endpoint)
            settings.Endpoint = endpoint;
        var client = new OpenAIClient(new ApiKeyCredential(openAI.ApiKey!), settings);
        // Models before text-embedding-3, and many compatible servers, refuse a request that names dimensions.
        int? asked = openAI.Model.StartsWith("text-embedding-3", StringComparison.Ordinal) ? openAI.Dimensions : null;
        return client.GetEmbeddingClient(openAI.Model).AsIEmbeddingGenerator(asked);
    }
}
