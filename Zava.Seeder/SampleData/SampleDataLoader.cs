using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Npgsql;
using Zava.Database;
using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>Loads the sample data in one transaction: all of it is there, or none.</summary>
public sealed class SampleDataLoader(string seederConnectionString)
{
    const int ReceiptsPerCopy = 5_000;

    static readonly string[] Tables = ["customers", "products", "sales_transactions", "sales_transaction_items"];

    // A trigger fills the last one with what is loaded into products.
    static readonly string[] AllTables = [.. Tables, "product_words"];

    /// <summary>How far the load is.</summary>
    /// <param name="Step">What is being done, such as a store's name.</param>
    /// <param name="Rows">Rows written so far.</param>
    /// <param name="Fraction">0 to 1.</param>
    public readonly record struct Progress(string Step, long Rows, double Fraction);

    /// <returns>Rows loaded; 0 when this data was there already.</returns>
    /// <exception cref="DatabaseSetupException">Other data is there; nothing was changed.</exception>
    public async Task<long> LoadAsync(SeedOptions options, bool asOfWasGiven, IProgress<Progress> progress, CancellationToken cancellationToken)
    {
        await using var dataSource = NpgsqlDataSource.Create(DatabaseMigrator.ActingAsOwner(seederConnectionString));
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        // Also waits for another seeder that is loading. Nothing that a running server reads is locked before it is clear
        // that there is something to load.
        await ExecuteAsync("LOCK TABLE retail.sample_data IN EXCLUSIVE MODE");
        if (await IsLoadedAsync(connection, options, asOfWasGiven, cancellationToken))
            return 0;

        var catalogue = CatalogueReader.Read();
        await ExecuteAsync("SET LOCAL lock_timeout = '30s'");
        await ReportAsync("beginning", 0, 0);
        var bulkLoad = await BulkLoad.BeginAsync(connection, AllTables, ["stores"], cancellationToken);
        await RefuseForeignDataAsync(connection, cancellationToken);
        await AddSubcategoriesAsync(connection, catalogue, cancellationToken);
        var stores = await ReadStoresAsync(connection, cancellationToken);

        // The day after the last one: when the data is of the same arguments, it is the same to the last column.
        var loadedAt = options.AsOf.AddDays(1).ToDateTime(default, DateTimeKind.Utc);
        var writer = new StoreDataWriter(connection, catalogue.Subcategories.ToDictionary(sub => sub.Name, sub => sub.Id), loadedAt);
        var rows = 0L;
        var written = new ulong[Tables.Length];
        await foreach (var (data, receipts) in AheadAsync(Batches(new StoreDataGenerator(catalogue, options).Generate(stores)), cancellationToken))
        {
            if (receipts is not null)
            {
                await WroteAsync(2, writer.WriteTransactionsAsync(data, receipts, cancellationToken));
                await WroteAsync(3, writer.WriteItemsAsync(data, receipts, cancellationToken));
                continue;
            }
            // Last, because now it is known what customers have spent and what is left in stock.
            await WroteAsync(0, writer.WriteCustomersAsync(data, cancellationToken));
            await WroteAsync(1, writer.WriteProductsAsync(data, cancellationToken));
            for (var table = 0; table < Tables.Length; table++)
                await SummarizeAsync(data.Store.Id, Tables[table], (long)written[table]);
            Array.Clear(written);

            async Task WroteAsync(int table, Task<ulong> copy)
            {
                var count = await copy;
                written[table] += count;
                rows += (long)count;
                await ReportAsync(data.Store.Id, rows, Math.Min(.8 * rows / StoreDataGenerator.RowEstimate(options.Scale), .8));
            }
        }
        await bulkLoad.EndAsync((done, all) => ReportAsync("indexes and keys", rows, .8 + .18 * done / all), cancellationToken);

        await using (var mark = new NpgsqlCommand("INSERT INTO retail.sample_data (scale, seed, as_of) VALUES ($1, $2, $3)", connection)
        {
            Parameters = { new() { Value = options.Scale }, new() { Value = options.Seed }, new() { Value = options.AsOf } },
        })
            await mark.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);

        // The planner must not meet a full table with the statistics of an empty one.
        await ReportAsync("statistics", rows, .98);
        await ExecuteAsync($"ANALYZE {string.Join(", ", AllTables.Select(table => $"retail.{table}"))}");
        return rows;

        async Task ReportAsync(string step, long written, double fraction)
        {
            progress.Report(new(step, written, fraction));
            await new LoadProgress((int)(100 * fraction), options.Scale).ShowAsync(connection, cancellationToken);
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        async Task SummarizeAsync(string store, string table, long count)
        {
            await using var summary = new NpgsqlCommand(
                "SELECT retail.record_audit($1, 'BULK_INSERT', $2, jsonb_build_object('rows', $3::bigint))", connection)
            {
                Parameters = { new() { Value = table }, new() { Value = store }, new() { Value = count } },
            };
            await summary.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    // The receipts of a store in pieces, then the store without any.
    static IEnumerable<(StoreData Data, Transaction[]? Receipts)> Batches(IEnumerable<StoreData> stores)
    {
        foreach (var data in stores)
        {
            foreach (var receipts in data.Transactions.Chunk(ReceiptsPerCopy))
                yield return (data, receipts);
            yield return (data, null);
        }
    }

    // The next receipts are made while the last ones are written; only few wait, so that memory does not grow with their number.
    static async IAsyncEnumerable<T> AheadAsync<T>(IEnumerable<T> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var ahead = Channel.CreateBounded<T>(2);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var making = Task.Run(async () =>
        {
            try
            {
                foreach (var item in items)
                    await ahead.Writer.WriteAsync(item, stop.Token);
                ahead.Writer.Complete();
            }
            catch (Exception failed)
            {
                ahead.Writer.Complete(failed);
            }
        }, CancellationToken.None);
        try
        {
            await foreach (var item in ahead.Reader.ReadAllAsync(cancellationToken))
                yield return item;
        }
        finally
        {
            await stop.CancelAsync();
            await making;
        }
    }

    static async Task<bool> IsLoadedAsync(
        NpgsqlConnection connection, SeedOptions options, bool asOfWasGiven, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT scale, seed, as_of FROM retail.sample_data", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            return false;

        var loaded = new SeedOptions(reader.GetInt32(0), reader.GetInt32(1), reader.GetFieldValue<DateOnly>(2));
        // The default day moves on every night; only a day that was asked for must match.
        return loaded == (asOfWasGiven ? options : options with { AsOf = loaded.AsOf })
            ? true
            : throw new DatabaseSetupException(
                $"The database holds sample data of --scale {loaded.Scale} --seed {loaded.Seed} --as-of {loaded.AsOf:yyyy-MM-dd}, " +
                "and other arguments were given: use the same ones, or load into a new database.");
    }

    static async Task RefuseForeignDataAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var foreign = new NpgsqlCommand("""
            SELECT EXISTS (SELECT FROM retail.products) OR EXISTS (SELECT FROM retail.customers)
                OR EXISTS (SELECT FROM retail.product_categories WHERE parent_category_id IS NOT NULL)
            """, connection);
        if (await foreign.ExecuteScalarAsync(cancellationToken) is true)
            throw new DatabaseSetupException(
                "The database holds products, customers or sub-categories that are no sample data, so none was loaded; use --no-sample-data with it.");
    }

    static async Task AddSubcategoriesAsync(NpgsqlConnection connection, ProductCatalogue catalogue, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            INSERT INTO retail.product_categories (category_id, category_name, parent_category_id, description)
            SELECT sub.id, sub.name, top.category_id, sub.description
              FROM unnest($1, $2, $3, $4) AS sub (id, name, parent, description)
              JOIN retail.product_categories top ON top.category_name = sub.parent AND top.parent_category_id IS NULL
            """, connection)
        {
            Parameters =
            {
                new() { Value = catalogue.Subcategories.Select(sub => sub.Id).ToArray() },
                new() { Value = catalogue.Subcategories.Select(sub => sub.Name).ToArray() },
                new() { Value = catalogue.Subcategories.Select(sub => sub.Category).ToArray() },
                new() { Value = catalogue.Subcategories.Select(sub => sub.Description).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
        await using var next = new NpgsqlCommand(
            "SELECT setval(pg_get_serial_sequence('retail.product_categories', 'category_id'), (SELECT max(category_id) FROM retail.product_categories))", connection);
        await next.ExecuteNonQueryAsync(cancellationToken);
    }

    static async Task<List<Store>> ReadStoresAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // A flagship and the web shop sell more than a standard store.
        await using var command = new NpgsqlCommand("""
            SELECT store_id, time_zone, coalesce(store_type, 'standard'),
                   CASE store_type WHEN 'flagship' THEN 0.35 WHEN 'ecommerce' THEN 0.30 ELSE 0.175 END::float8
              FROM retail.stores WHERE is_active ORDER BY store_type = 'flagship' DESC, store_id
            """, connection);
        var stores = new List<Store>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            stores.Add(new(reader.GetString(0), TimeZoneInfo.FindSystemTimeZoneById(reader.GetString(1)), reader.GetString(2), reader.GetDouble(3)));
        return stores;
    }
}
