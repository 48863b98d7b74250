using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Zava.Database;
using Zava.EmbeddingWorker;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Worker;

/// <summary>The real worker with the real model.</summary>
public sealed class EmbeddingWorkerServiceTests(DatabaseTemplate template)
{
    static IHost BuildWorker(string connectionString, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(
            settings.ToDictionary(s => s.Key, s => (string?)s.Value).Append(new("ConnectionStrings:retail_db", connectionString)));
        builder.Logging.ClearProviders();
        builder.AddEmbeddingWorker();
        return builder.Build();
    }

    [Fact]
    public async Task Two_workers_embed_what_is_there_and_what_changes()
    {
        await using var database = await template.CreateDatabaseAsync();
        await database.ExecuteAsync("""
            INSERT INTO retail.products (store_id, sku, product_name, price)
            SELECT 'seattle', 'S' || n, 'Travel mug number ' || n, 1 FROM generate_series(1, 200) n
            """);
        using var first = BuildWorker(database.ConnectionString(DatabaseRole.Worker));
        using var second = BuildWorker(database.ConnectionString(DatabaseRole.Worker));
        await Task.WhenAll(first.StartAsync(TestContext.Current.CancellationToken), second.StartAsync(TestContext.Current.CancellationToken));

        await Eventually.EqualAsync(200L, () => database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));
        await database.ExecuteAsync("UPDATE retail.products SET product_name = 'Garden hose' WHERE sku = 'S7'");
        await Eventually.EqualAsync(1L, () => database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings WHERE embedding_text = 'Garden hose'"));
        await Eventually.EqualAsync(0L, () => database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue"));

        await Task.WhenAll(first.StopAsync(TestContext.Current.CancellationToken), second.StopAsync(TestContext.Current.CancellationToken));
        Assert.Equal(200L, await database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));
    }

    [Fact]
    public async Task A_worker_that_would_void_row_level_security_does_not_start()
    {
        await using var database = await template.CreateDatabaseAsync();
        using var worker = BuildWorker(database.AdministratorConnectionString);
        var refused = await Assert.ThrowsAsync<DatabaseSetupException>(() => worker.StartAsync(TestContext.Current.CancellationToken));
        Assert.StartsWith("Refusing to start: the database login 'postgres' is a superuser", refused.Message);
    }

    [Theory]
    [InlineData("Embeddings:Provider", "azure", "local or openai")]
    [InlineData("Embeddings:Provider", "openai", "Embeddings:OpenAI:ApiKey")]
    [InlineData("Embeddings:Providr", "local", "Providr")]
    public async Task A_wrong_setting_stops_the_start_and_is_named(string key, string value, string named)
    {
        await using var database = await template.CreateDatabaseAsync();
        using var worker = BuildWorker(database.ConnectionString(DatabaseRole.Worker), (key, value));
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => worker.StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains(named, refused.ToString());
    }
}
