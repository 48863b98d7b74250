using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.Seeder;
using Zava.Seeder.SampleData;

namespace Zava.Tests.Infrastructure;

/// <summary>The whole of it: sample data, embedded by the real worker with the real model, behind the real server.</summary>
public sealed class SeededServer(DatabaseTemplate template) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await template.CreateDatabaseAsync();
        await new SampleDataLoader(Database.ConnectionString(DatabaseRole.Seeder)).LoadAsync(
            new SeedOptions(Scale: 1, SeedOptions.DefaultSeed, new DateOnly(2026, 3, 31)), asOfWasGiven: true,
            new Progress<SampleDataLoader.Progress>(), TestContext.Current.CancellationToken);

        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection([new("ConnectionStrings:retail_db", Database.ConnectionString(DatabaseRole.Worker))]);
        builder.Logging.ClearProviders();
        builder.AddEmbeddingWorker();
        using (var worker = builder.Build())
        {
            await worker.StartAsync(TestContext.Current.CancellationToken);
            await Eventually.EqualAsync(500L, () => Database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));
            await worker.StopAsync(TestContext.Current.CancellationToken);
        }
        Server = await RunningServer.StartAsync(Database);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Database.DisposeAsync();
    }
}
