using Zava.Database;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

public static class Extensions
{
    /// <summary>Adds the embedding worker with its database and its embedding generator.</summary>
    public static TBuilder AddEmbeddingWorker<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.AddZavaDatabase();
        builder.AddZavaEmbeddings();
        builder.Services.AddSingleton<EmbeddingQueue>();
        builder.Services.AddHostedService<EmbeddingWorkerService>();
        return builder;
    }
}
