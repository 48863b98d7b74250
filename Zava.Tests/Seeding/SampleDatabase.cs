using Zava.Database;
using Zava.Seeder;
using Zava.Seeder.SampleData;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Seeding;

/// <summary>A database with the sample data of some arguments.</summary>
public class SampleDatabase(DatabaseTemplate template, SeedOptions options) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await template.CreateDatabaseAsync();
        await LoadAsync(Database, options);
    }

    public static Task<long> LoadAsync(
        TestDatabase database, SeedOptions options, bool asOfWasGiven = true, IProgress<SampleDataLoader.Progress>? progress = null) =>
        new SampleDataLoader(database.ConnectionString(DatabaseRole.Seeder))
            .LoadAsync(options, asOfWasGiven, progress ?? new Progress<SampleDataLoader.Progress>(), TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
