using Zava.Database;
using Zava.Embeddings;
using Zava.EmbeddingWorker.Maintenance;

namespace Zava.EmbeddingWorker;

public static class Extensions
{
    /// <summary>Adds the embedding worker with its database and its embedding generator.</summary>
    public static TBuilder AddEmbeddingWorker<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.AddZavaDatabase();
        builder.AddZavaEmbeddings(retries: 0); // ProviderClient says why
        builder.Services.AddOptions<EmbeddingWorkerOptions>()
            .BindConfiguration(EmbeddingWorkerOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.AddSingleton<WorkerHealth>();
        builder.Services.AddSingleton<WorkerMetrics>();
        builder.Services.AddHealthChecks().AddCheck<WorkerHealth>("embedding").AddCheck<QueueHealth>("queue");
        builder.Services.AddHostedService<EmbeddingWorkerService>();
        builder.AddScheduledMaintenance();
        return builder;
    }
}
