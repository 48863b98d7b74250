using System.ClientModel;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using OpenAI;

namespace Zava.Embeddings;

public static class Extensions
{
    /// <summary>
    /// Adds the configured <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c>, traced and metered, and the
    /// <see cref="EmbeddingModel"/> that it embeds with. Refuses to start when the section is wrong.
    /// </summary>
    public static TBuilder AddZavaEmbeddings<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.Services.AddOptions<EmbeddingOptions>()
            .BindConfiguration(EmbeddingOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.AddSingleton(services => ModelOf(Options(services)));
        builder.Services.AddEmbeddingGenerator(services => Create(Options(services))).UseOpenTelemetry();
        return builder;
    }

    static EmbeddingOptions Options(IServiceProvider services) => services.GetRequiredService<IOptions<EmbeddingOptions>>().Value;

    static EmbeddingModel ModelOf(EmbeddingOptions options) => options.Provider == "openai"
        ? new(options.OpenAI.Model, options.OpenAI.Dimensions)
        : new(UniversalSentenceEncoder.ModelId, UniversalSentenceEncoder.Dimensions);

    static IEmbeddingGenerator<string, Embedding<float>> Create(EmbeddingOptions options)
    {
        if (options.Provider != "openai")
            return new UniversalSentenceEncoder();

        var openAI = options.OpenAI;
        var client = new OpenAIClient(
            new ApiKeyCredential(openAI.ApiKey!),
            openAI.Endpoint is { } endpoint ? new() { Endpoint = endpoint } : new());
        // Models before text-embedding-3, and many compatible servers, refuse a request that names dimensions.
        int? asked = openAI.Model.StartsWith("text-embedding-3", StringComparison.Ordinal) ? openAI.Dimensions : null;
        return client.GetEmbeddingClient(openAI.Model).AsIEmbeddingGenerator(asked);
    }
}
