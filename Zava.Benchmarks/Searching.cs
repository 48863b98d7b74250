using System.Diagnostics;
using Npgsql;
using Pgvector;
using Zava.Database;

namespace Zava.Benchmarks;

/// <summary>
/// Search in stores of very different sizes that share one table and one index: ours under isolation, beside an exact scan, an
/// index of the store alone, the index without any filter, and the function that this project's design began with.
/// </summary>
static class Searching
{
    const int Page = 10;

    const string Distance = "embedding::public.halfvec(512) <=> $1::public.halfvec(512)";

    /// <summary>A way to search one store.</summary>
    /// <param name="Recall">Share of the exact first ten that are among the ten found.</param>
    /// <param name="Rows">Rows returned of ten asked for, on average.</param>
    /// <param name="P50">Median, milliseconds.</param>
    /// <param name="P95">95th percentile, milliseconds.</param>
    public sealed record Way(string Name, double Recall, double Rows, double P50, double P95);

    public sealed record Line(string Store, int Products, List<Way> Ways);

    public static async Task<List<Line>> RunAsync(BenchmarkDatabase database, bool large, int rounds, Action<string> said, CancellationToken cancellationToken)
    {
        await SearchCorpus.FillAsync(database.Administrator, large, said, cancellationToken);
        var queries = await SearchCorpus.QueriesAsync(60, cancellationToken);
        var tenant = new TenantDatabase(database.Application, new(database.Key, TimeProvider.System));
        var lines = new List<Line>();
        foreach (var (store, products) in SearchCorpus.Stores(large).Where(store => store.Store != "bench-rest"))
        {
            said($"{store} …");
            var index = $"bench_{store.Replace('-', '_')}";
            if (products is > 1_000 and < 50_000)
                await ExecuteAsync($"CREATE INDEX {index} ON retail.product_embeddings USING hnsw ((embedding::public.halfvec(512)) public.halfvec_cosine_ops) WHERE store_id = '{store}' AND embedding_model = '{SearchCorpus.Model}'");
            var context = new TenantContext(StoreSet.Of(store), "bench@zava.example", "bench");
            List<(string Name, Func<(string Text, HalfVector Vector), Task<Guid[]>> Find)> ways =
            [
                ("exact scan", query => AdministratorAsync($"SELECT product_id FROM retail.product_embeddings WHERE store_id = '{store}' AND embedding_model = '{SearchCorpus.Model}' ORDER BY ({Distance}) + 0 LIMIT 10", "", query.Vector)),
                ("Zava, the vectors", query => TenantAsync($"SELECT product_id FROM retail.nearest_products($1, '{SearchCorpus.Model}', ARRAY['{store}'], NULL, 40) ORDER BY distance LIMIT 10", new NpgsqlParameter { Value = query.Vector })),
                ("Zava, whole search", query => TenantAsync($"SELECT product_id FROM retail.search_products($1, $2, '{SearchCorpus.Model}', ARRAY['{store}'], NULL, 10)", new() { Value = query.Text }, new NpgsqlParameter { Value = query.Vector })),
                ("shared index, no filter", query => AdministratorAsync($"SELECT product_id FROM retail.product_embeddings WHERE embedding_model = '{SearchCorpus.Model}' ORDER BY {Distance} LIMIT 10", "SET LOCAL hnsw.ef_search = 500;", query.Vector)),
                ("as the design began", query => AdministratorAsync($"SELECT product_id FROM (SELECT product_id, store_id FROM retail.product_embeddings WHERE embedding_model = '{SearchCorpus.Model}' ORDER BY {Distance} LIMIT 40) AS near WHERE store_id = '{store}' LIMIT 10", "", query.Vector)),
            ];
            if (products is > 1_000 and < 50_000)
                ways.Add(("index of the store alone", query => AdministratorAsync($"SELECT product_id FROM retail.product_embeddings WHERE store_id = '{store}' AND embedding_model = '{SearchCorpus.Model}' ORDER BY {Distance} LIMIT 10", "SET LOCAL hnsw.ef_search = 500; SET LOCAL enable_sort = off;", query.Vector)));

            var times = ways.ToDictionary(way => way.Name, _ => new List<double>());
            var found = ways.ToDictionary(way => way.Name, _ => new List<(double Recall, int Rows)>());
            for (var round = -1; round < rounds; round++)
                foreach (var query in queries)
                {
                    var exact = Array.Empty<Guid>();
                    foreach (var (name, find) in ways)
                    {
                        var started = Stopwatch.GetTimestamp();
                        var ids = await find(query);
                        var took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                        exact = name == "exact scan" ? ids : exact;
                        if (round < 0)
                            continue; // to warm up
                        times[name].Add(took);
                        found[name].Add((exact.Length == 0 ? 1 : (double)ids.Intersect(exact).Count() / exact.Length, ids.Length));
                    }
                }
            lines.Add(new(store, products, [.. ways.Select(way => new Way(
                way.Name, found[way.Name].Average(f => f.Recall), found[way.Name].Average(f => f.Rows), Percentile(times[way.Name], .5), Percentile(times[way.Name], .95)))]));
            await ExecuteAsync($"DROP INDEX IF EXISTS retail.{index}");

            async Task<Guid[]> TenantAsync(string sql, params NpgsqlParameter[] parameters)
            {
                var command = new NpgsqlBatchCommand(sql);
                foreach (var parameter in parameters)
                    command.Parameters.Add(parameter);
                return [.. await tenant.QueryAsync(context, command, row => row.GetGuid(0), cancellationToken)];
            }
        }
        return lines;

        async Task<Guid[]> AdministratorAsync(string sql, string settings, HalfVector vector)
        {
            await using var connection = await database.Administrator.OpenConnectionAsync(cancellationToken);
            await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new("BEGIN") } };
            foreach (var setting in settings.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                batch.BatchCommands.Add(new(setting));
            batch.BatchCommands.Add(new(sql) { Parameters = { new() { Value = vector } } });
            batch.BatchCommands.Add(new("COMMIT"));
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            var ids = new List<Guid>();
            while (await reader.ReadAsync(cancellationToken))
                ids.Add(reader.GetGuid(0));
            while (await reader.NextResultAsync(cancellationToken))
            {
            }
            return [.. ids.Take(Page)];
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = database.Administrator.CreateCommand(sql);
            command.CommandTimeout = 0;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    static double Percentile(List<double> values, double part)
    {
        values.Sort();
        return values[(int)(part * (values.Count - 1))];
    }
}
