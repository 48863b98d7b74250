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

    // As many as our search looks at (nearest_by_index), so that recall is equal.
    const int Candidates = 800;

    const string Distance = "embedding::public.halfvec(512) <=> $1::public.halfvec(512)";

    /// <summary>A way to search one store.</summary>
    /// <param name="Recall">Share of the exact first ten that are among the ten found.</param>
    /// <param name="Rows">Rows returned of ten asked for, on average.</param>
    /// <param name="P50">Median, milliseconds.</param>
    /// <param name="P95">95th percentile, milliseconds.</param>
    public sealed record Way(string Name, double Recall, double Rows, double P50, double P95);

    /// <summary>A way to search, and what it should find.</summary>
    sealed record Search(string Name, Func<(string Text, HalfVector Vector), Task<Guid[]>> Find, Dictionary<HalfVector, Guid[]> Nearest);

    public sealed record Line(string Store, int Products, List<Way> Ways);

    public static async Task<List<Line>> RunAsync(BenchmarkDatabase database, bool large, int rounds, Action<string> said, CancellationToken cancellationToken)
    {
        await SearchCorpus.FillAsync(database.Administrator, large, said, cancellationToken);
        var queries = await SearchCorpus.QueriesAsync(60, cancellationToken);
        var tenant = new TenantDatabase(database.Application, new(database.Key, TimeProvider.System));
        var all = $"SELECT product_id FROM retail.product_embeddings WHERE embedding_model = '{SearchCorpus.Model}'";
        said("The nearest of all products …");
        var nearestOfAll = new Dictionary<HalfVector, Guid[]>();
        foreach (var (_, vector) in queries)
            nearestOfAll[vector] = await AdministratorAsync($"{all} ORDER BY ({Distance}) + 0 LIMIT 10", "", vector);

        var lines = new List<Line>();
        foreach (var (store, products) in SearchCorpus.Stores(large).Where(store => store.Store != "bench-rest"))
        {
            said($"{store} …");
            var context = new TenantContext(StoreSet.Of(store), "bench@zava.example", "bench");
            // Counted once a minute by a server.
            var indexPays = (await tenant.QueryAsync(context, new NpgsqlBatchCommand($"SELECT retail.index_pays_for(ARRAY['{store}'], '{SearchCorpus.Model}')"), row => row.GetBoolean(0), cancellationToken))[0];
            var own = $"{all} AND store_id = '{store}' ORDER BY";
            var exact = new Dictionary<HalfVector, Guid[]>();
            Search scan = new("exact scan", async query => exact[query.Vector] = await AdministratorAsync($"{own} ({Distance}) + 0 LIMIT 10", "", query.Vector), exact);
            Search[] others =
            [
                new("Zava, the vectors", query => TenantAsync($"SELECT product_id FROM retail.nearest_products($1, '{SearchCorpus.Model}', ARRAY['{store}'], NULL, 10, {indexPays}) ORDER BY distance", new NpgsqlParameter { Value = query.Vector }), exact),
                new("Zava, whole search", query => TenantAsync($"SELECT product_id FROM retail.search_products($1, $2, '{SearchCorpus.Model}', ARRAY['{store}'], NULL, 10, {indexPays})", new() { Value = query.Text }, new NpgsqlParameter { Value = query.Vector }), exact),
                new("shared index, no filter", query => AdministratorAsync($"{all} ORDER BY {Distance} LIMIT 10", $"SET LOCAL hnsw.ef_search = {Candidates};", query.Vector), nearestOfAll),
                new("as the design began", query => AdministratorAsync($"SELECT product_id FROM (SELECT product_id, store_id FROM retail.product_embeddings WHERE embedding_model = '{SearchCorpus.Model}' ORDER BY {Distance} LIMIT 40) AS near WHERE store_id = '{store}' LIMIT 10", "", query.Vector), exact),
            ];
            Search alone = new("index of the store alone", query => AdministratorAsync($"{own} {Distance} LIMIT 10", $"SET LOCAL hnsw.ef_search = {Candidates}; SET LOCAL enable_sort = off;", query.Vector), exact);
            Search isolated = new("exact scan, isolated", query => TenantAsync($"{own} ({Distance}) + 0 LIMIT 10", new NpgsqlParameter { Value = query.Vector }), exact);
            List<Way> ways = [];
            await ExecuteAsync("DROP INDEX IF EXISTS retail.bench_of_one_store");
            if (indexPays)
            {
                // By itself: it drives what the others read out of PostgreSQL's memory.
                ways.AddRange(await MeasureAsync(scan));
                ways.AddRange(await MeasureAsync(others));
                // So is the index of the store, which the others' statements could use.
                if (products < 50_000)
                    await AloneAsync(alone);
            }
            else if (products < 1_000)
                ways.AddRange(await MeasureAsync([scan, isolated, .. others]));
            else
                await AloneAsync([scan, isolated, alone, .. others]);
            lines.Add(new(store, products, ways));

            async Task AloneAsync(params Search[] searches)
            {
                await ExecuteAsync($"CREATE INDEX bench_of_one_store ON retail.product_embeddings USING hnsw ((embedding::public.halfvec(512)) public.halfvec_cosine_ops) WITH (ef_construction = 200) WHERE store_id = '{store}' AND embedding_model = '{SearchCorpus.Model}'");
                ways.AddRange(await MeasureAsync(searches));
                await ExecuteAsync("DROP INDEX retail.bench_of_one_store");
            }

            async Task<Guid[]> TenantAsync(string sql, params NpgsqlParameter[] parameters)
            {
                var command = new NpgsqlBatchCommand(sql);
                foreach (var parameter in parameters)
                    command.Parameters.Add(parameter);
                return [.. await tenant.QueryAsync(context, command, row => row.GetGuid(0), cancellationToken)];
            }
        }
        return lines;

        async Task<IEnumerable<Way>> MeasureAsync(params Search[] searches)
        {
            var (names, random) = (searches.Select(search => search.Name).ToArray(), new Random(1));
            var times = searches.ToDictionary(search => search.Name, _ => new List<double>());
            var found = searches.ToDictionary(search => search.Name, _ => new List<(double Recall, int Rows)>());
            for (var round = -1; round < rounds; round++)
                foreach (var query in queries)
                {
                    // Each comes after each other one about equally often: the first with a query brings into memory what the next read.
                    random.Shuffle(searches);
                    foreach (var search in searches)
                    {
                        var started = Stopwatch.GetTimestamp();
                        var ids = await search.Find(query);
                        var took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                        if (round < 0)
                            continue; // to warm up
                        times[search.Name].Add(took);
                        var nearest = search.Nearest[query.Vector];
                        found[search.Name].Add((nearest.Length == 0 ? 1 : (double)ids.Intersect(nearest).Count() / nearest.Length, ids.Length));
                    }
                }
            return names.Select(name => new Way(
                name, found[name].Average(f => f.Recall), found[name].Average(f => f.Rows), Percentile(times[name], .5), Percentile(times[name], .95)));
        }

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
