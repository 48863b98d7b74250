using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Zava.Database;
using Zava.Embeddings;
using Zava.EmbeddingWorker;
using Zava.McpServer.Search;
using Zava.Seeder;
using Zava.Seeder.Catalogue;
using Zava.Tests.Infrastructure;
using Zava.Tests.Seeding;

namespace Zava.Tests.Relevance;

/// <summary>
/// The corpus: the default sample data as one store would have it, its 500 products embedded by the real worker, and the search of
/// the real server. One store, because the same article in four stores would take four places of a list.
/// </summary>
public sealed class RelevanceShop(DatabaseTemplate template) : IAsyncLifetime
{
    const string Store = "seattle";

    IHost _server = null!;

    public TestDatabase Database { get; private set; } = null!;

    public IReadOnlyList<CorpusProduct> Products { get; private set; } = null!;

    public IReadOnlyList<JudgedQuery> Queries { get; private set; } = null!;

    /// <summary>The search as the server offers it.</summary>
    public SearchUnderTest Search { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await template.CreateDatabaseAsync();
        // The seeder divides the sample data among the active stores.
        await Database.ExecuteAsync("UPDATE retail.stores SET is_active = (store_id = $1)", Store);
        await SampleDatabase.LoadAsync(Database, new SeedOptions(Scale: 1, SeedOptions.DefaultSeed, new DateOnly(2026, 3, 31)));
        Products = await ReadProductsAsync();
        using (var text = File.OpenText(JudgedQueryReader.File))
            Queries = JudgedQueryReader.Read(text, kind => Products.Where(product => product.Attributes["kind"] == kind).Min(product => product.Sku)!);
        await EmbedAsync();
        _server = BuildServer();
        Search = Adapt(_server.Services.GetRequiredService<ProductSearch>());
    }

    static SearchUnderTest Adapt(ProductSearch search) => new("Search by meaning and by words", async (query, filters, limit, cancellationToken) =>
    {
        var context = new TenantContext(StoreSet.Of(Store), "relevance-test", "search");
        var found = await search.SearchAsync(context, query, filters?.AsFilter() ?? new(), "relevance", limit, minimumSimilarity: null, cancellationToken);
        return [.. found.Products.Select(match => new SearchHit(match.ProductId, match.IsWeakMatch))];
    });

    IHost BuildServer()
    {
        var builder = Builder(DatabaseRole.Application);
        builder.Configuration.AddInMemoryCollection(
        [
            new("Database:ContextKey:Id", Database.Key.Id),
            new("Database:ContextKey:Secret", Convert.ToBase64String(Database.Key.Secret)),
        ]);
        builder.AddZavaDatabase();
        builder.AddTenantDatabase();
        builder.AddZavaEmbeddings();
        builder.Services.AddSingleton<QueryEmbedder>();
        builder.Services.AddSingleton<ProductSearch>();
        return builder.Build();
    }

    async Task EmbedAsync()
    {
        var builder = Builder(DatabaseRole.Worker);
        builder.AddEmbeddingWorker();
        using var worker = builder.Build();
        await worker.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.EqualAsync((long)Products.Count, () => Database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));
        await worker.StopAsync(TestContext.Current.CancellationToken);
    }

    HostApplicationBuilder Builder(string login)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection([new("ConnectionStrings:retail_db", Database.ConnectionString(login))]);
        builder.Logging.ClearProviders();
        return builder;
    }

    async Task<List<CorpusProduct>> ReadProductsAsync()
    {
        var options = CatalogueReader.Read().Kinds.ToDictionary(kind => kind.Id, kind => kind.Option?.Name);
        await using var command = Database.As(null).CreateCommand("""
            SELECT product_id, sku, product_name, top.category_name, sub.category_name, price, rating_average, current_stock, tags,
                   metadata ->> 'kind', brand, model, color, size, metadata
              FROM retail.products
              JOIN retail.product_categories sub USING (category_id)
              JOIN retail.product_categories top ON top.category_id = sub.parent_category_id
             ORDER BY sku
            """);
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var products = new List<CorpusProduct>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            var kind = reader.GetString(9);
            var attributes = new Dictionary<string, string>
            {
                ["kind"] = kind,
                ["brand"] = reader.GetString(10),
                ["model"] = reader.GetString(11),
                ["color"] = reader.GetString(12),
            };
            if (reader.GetNullable<string>(13) is { } size)
                attributes["size"] = size;
            if (options[kind] is { } option)
                attributes["option"] = reader.GetFieldValue<JsonElement>(14).GetProperty(option).GetString()!;
            products.Add(new(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetDecimal(5),
                reader.GetDecimal(6), reader.GetInt32(7), reader.GetFieldValue<string[]>(8), attributes));
        }
        return products;
    }

    public async ValueTask DisposeAsync()
    {
        _server.Dispose();
        await Database.DisposeAsync();
    }
}

/// <summary>The corpus is embedded once for all tests of this collection.</summary>
[CollectionDefinition(nameof(RelevanceShop))]
public sealed class RelevanceCollection : ICollectionFixture<RelevanceShop>;
