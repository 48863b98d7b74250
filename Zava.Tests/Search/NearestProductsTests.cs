using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Search;

/// <summary>The two ways to the nearest products: looking at every vector, and walking over the index.</summary>
public sealed class NearestProductsTests(NearestProductsTests.Shop shop, DatabaseTemplate template) : IClassFixture<NearestProductsTests.Shop>
{
    /// <summary>A store of 6,000 products and one of 40, with vectors around 50 centres, as products come in kinds.</summary>
    public sealed class Shop(DatabaseTemplate template) : IAsyncLifetime
    {
        public const int Large = 6_000;

        public TestDatabase Database { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Database = await template.CreateDatabaseAsync();
            // Without the triggers, which audit each row and queue it to be embedded.
            await Database.ExecuteAsync($"""
                SET session_replication_role = replica;
                UPDATE retail.embedding_models SET state = 'inactive' WHERE state = 'active';
                INSERT INTO retail.embedding_models (embedding_model, dimensions, state) VALUES ('test-model', 16, 'active');
                SELECT setseed(0.5);
                INSERT INTO retail.products (store_id, sku, product_name, price, current_stock, is_active, tags)
                SELECT CASE WHEN n <= {Large} THEN 'seattle' ELSE 'redmond' END, 'N-' || n, 'Thing ' || n, n % 100, n % 3, n % 10 > 0,
                       CASE WHEN n % 500 = 1 THEN ARRAY['rare'] ELSE ARRAY['common'] END
                  FROM generate_series(1, {Large + 40}) AS n;
                WITH centres AS MATERIALIZED (SELECT k, array_agg(random() - .5 ORDER BY d) AS at FROM generate_series(0, 49) AS k, generate_series(1, 16) AS d GROUP BY k)
                INSERT INTO retail.product_embeddings (store_id, product_id, embedding_text, embedding, embedding_model)
                SELECT p.store_id, p.product_id, 'x', (SELECT array_agg((c.at[d] + (random() - .5) * .3)::real) FROM generate_series(1, 16) AS d)::public.vector::public.halfvec, 'test-model'
                  FROM retail.products p JOIN centres c ON c.k = substr(p.sku, 3)::integer % 50;
                ANALYZE retail.product_embeddings;
                CREATE INDEX vectors_of_test_model ON retail.product_embeddings USING hnsw ((embedding::public.halfvec(16)) public.halfvec_cosine_ops) WHERE embedding_model = 'test-model';
                RESET session_replication_role
                """);
        }

        /// <param name="function">nearest_products, or one of the two ways, which only it may go: nearest_by_index and nearest_by_scan.</param>
        /// <param name="store">Whose products, and whose context.</param>
        /// <param name="filter">SQL of a product_filter.</param>
        /// <param name="count">At most so many.</param>
        /// <param name="more">SQL of more arguments.</param>
        public async Task<string[]> NearestAsync(string function, string store, string filter, int count, string more = "") =>
            (await AsAsync(store, $"""
                SELECT string_agg(product_id::text, ',' ORDER BY distance, product_id) FROM retail.{function}(
                    (SELECT embedding FROM retail.product_embeddings WHERE store_id = '{store}' ORDER BY product_id LIMIT 1),
                    'test-model', ARRAY['{store}'], {filter}, {count}{more})
                """, function == "nearest_products" ? DatabaseRole.Application : null)).Split(',', StringSplitOptions.RemoveEmptyEntries);

        /// <summary>What a statement reads in the context of a store, as the server's login or, for <c>null</c>, as the administrator.</summary>
        public async Task<string> AsAsync(string store, string sql, string? login = DatabaseRole.Application)
        {
            await using var connection = await Database.As(login).OpenConnectionAsync(TestContext.Current.CancellationToken);
            await connection.ExecuteAsync("BEGIN");
            await connection.ScalarAsync("SELECT retail.set_store_context($1)",
                new ContextSealer(Database.Key, TimeProvider.System).Seal(new(StoreSet.Of(store), "user", "test"), connection.ProcessID));
            return (await connection.ReadAllAsync(sql)).Trim();
        }

        public ValueTask DisposeAsync() => Database.DisposeAsync();
    }

    const string NoFilter = "NULL";
    const string Rare = "ROW(NULL, NULL, NULL, NULL, NULL, ARRAY['rare'], NULL)::retail.product_filter";
    const string Cheap = "ROW(NULL, NULL, NULL, 90, NULL, NULL, NULL)::retail.product_filter";

    [Theory]
    [InlineData("seattle", NoFilter)]
    [InlineData("seattle", Cheap)]
    [InlineData("redmond", NoFilter)]
    public async Task The_index_finds_what_the_scan_finds(string store, string filter)
    {
        var exact = await shop.NearestAsync("nearest_by_scan", store, filter, 20);
        var found = await shop.NearestAsync("nearest_by_index", store, filter, 20);
        Assert.Equal(20, exact.Length);
        Assert.InRange(found.Intersect(exact).Count(), 19, 20);
    }

    [Theory]
    [InlineData("seattle", NoFilter, 50)]
    [InlineData("seattle", Cheap, 50)]
    [InlineData("seattle", Rare, 12)]
    [InlineData("redmond", NoFilter, 36)]
    public async Task A_page_is_filled_as_long_as_there_are_products(string store, string filter, int rows) =>
        Assert.Equal(rows, (await shop.NearestAsync("nearest_products", store, filter, 50)).Length);

    [Fact]
    public async Task Which_way_follows_from_the_rows_that_count()
    {
        await shop.Database.ExecuteAsync("ALTER FUNCTION retail.nearest_by_index RENAME TO walk");
        try
        {
            // Few rows: the index is not asked, and its absence not noticed.
            Assert.Equal(36, (await shop.NearestAsync("nearest_products", "redmond", NoFilter, 50)).Length);
            Assert.Equal(12, (await shop.NearestAsync("nearest_products", "seattle", Rare, 50)).Length);
            Assert.Equal(50, (await shop.NearestAsync("nearest_products", "seattle", NoFilter, 50, ", FALSE")).Length);
            foreach (var (store, said) in ((string, string)[])[("seattle", ""), ("seattle", ", TRUE"), ("redmond", ", TRUE")])
                Assert.Equal(PostgresErrorCodes.UndefinedFunction,
                    (await Assert.ThrowsAsync<PostgresException>(() => shop.NearestAsync("nearest_products", store, NoFilter, 50, said))).SqlState);
        }
        finally
        {
            await shop.Database.ExecuteAsync("ALTER FUNCTION retail.walk RENAME TO nearest_by_index");
        }
    }

    [Fact]
    public async Task Products_that_are_no_longer_sold_are_not_found() =>
        Assert.Equal(0L, await shop.Database.ScalarAsync<long>("SELECT count(*) FROM retail.products WHERE NOT is_active AND product_id = ANY ($1)",
            (await shop.NearestAsync("nearest_products", "redmond", NoFilter, 50)).Select(Guid.Parse).ToArray()));

    [Fact]
    public async Task However_many_of_the_nearest_are_no_longer_sold_the_next_are_found()
    {
        var all = await shop.NearestAsync("nearest_by_scan", "seattle", NoFilter, 320);
        await shop.Database.ScalarAsync<long>("WITH u AS (UPDATE retail.products SET is_active = FALSE WHERE product_id = ANY ($1) RETURNING 1) SELECT count(*) FROM u", all[..300].Select(Guid.Parse).ToArray());
        try
        {
            Assert.Equal(all[300..], await shop.NearestAsync("nearest_by_scan", "seattle", NoFilter, 20));
        }
        finally
        {
            await shop.Database.ScalarAsync<long>("WITH u AS (UPDATE retail.products SET is_active = TRUE WHERE product_id = ANY ($1) RETURNING 1) SELECT count(*) FROM u", all[..300].Select(Guid.Parse).ToArray());
        }
    }

    [Fact]
    public async Task What_was_said_of_the_size_changes_nothing_that_is_found()
    {
        Assert.Equal(36, (await shop.NearestAsync("nearest_products", "redmond", NoFilter, 50, ", TRUE")).Length);
        var counted = await shop.NearestAsync("nearest_products", "seattle", NoFilter, 20);
        Assert.InRange((await shop.NearestAsync("nearest_products", "seattle", NoFilter, 20, ", FALSE")).Intersect(counted).Count(), 19, 20);
    }

    [Fact]
    public async Task Whether_the_index_pays_is_said_of_the_callers_own_stores()
    {
        Assert.Equal("True", await shop.AsAsync("seattle", "SELECT retail.index_pays_for(ARRAY['seattle'], 'test-model')"));
        Assert.Equal("False", await shop.AsAsync("seattle", "SELECT retail.index_pays_for(ARRAY['seattle'], 'another-model')"));
        Assert.Equal("False", await shop.AsAsync("redmond", "SELECT retail.index_pays_for(ARRAY['seattle', 'redmond'], 'test-model')"));
    }

    [Fact]
    public async Task The_index_is_used_for_the_model_that_is_active()
    {
        // PostgreSQL's count is of this session, which may have searched before.
        const string Scans = "SELECT pg_stat_get_xact_numscans('retail.vectors_of_test_model'::regclass)";
        var read = (await shop.AsAsync("seattle", $"""
            {Scans};
            SELECT count(*) FROM retail.nearest_by_index((SELECT embedding FROM retail.product_embeddings LIMIT 1), 'test-model', ARRAY['seattle'], NULL, 20);
            {Scans}
            """, login: null)).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).ToArray();
        Assert.Equal([read[0], 20, read[0] + 1], read);
        Assert.Equal("", await shop.AsAsync("seattle", """
            SELECT * FROM retail.nearest_by_index(array_fill(1::real, ARRAY[16])::public.vector::public.halfvec, 'text-embedding-3-small', ARRAY['seattle'], NULL, 5)
            """, login: null));
    }

    // A worker's login may name models, and the statement that is made of the name is made by the owner of the tables.
    [Theory]
    [InlineData("x'; CREATE TABLE retail.pwned (); --")]
    [InlineData("$body$; CREATE TABLE retail.pwned (); $body$")]
    [InlineData("$function$ $make$ \' %s %L '' || (SELECT 1)")]
    public async Task A_models_name_is_a_name_whatever_it_says(string name)
    {
        await using var database = await template.CreateDatabaseAsync();
        await using var worker = await database.As(DatabaseRole.Worker).OpenConnectionAsync(TestContext.Current.CancellationToken);
        await worker.ScalarAsync("INSERT INTO retail.embedding_models (embedding_model, dimensions) VALUES ($1, 4)", name);
        await worker.ScalarAsync("UPDATE retail.embedding_models SET state = 'active' WHERE embedding_model = $1", name);
        Assert.True(await worker.ScalarAsync("SELECT retail.build_vector_index($1)", name) is true);
        Assert.Equal(0L, await database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relname = 'pwned'"));
        Assert.Equal(1L, await database.ScalarAsync<long>("SELECT count(*) FROM pg_proc WHERE oid = 'retail.nearest_by_index'::regproc AND position(quote_literal($1) IN prosrc) > 0", name));
    }
}
