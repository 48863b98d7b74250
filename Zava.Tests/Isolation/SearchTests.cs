using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>
/// Search reads with more rights than its caller. Whoever may call its functions with any arguments learns no name, key, word
/// or vector of another store.
/// </summary>
public sealed class SearchTests(TwoStores stores) : IClassFixture<TwoStores>
{
    const string Vector = "array_fill(1::real, ARRAY[512])::vector::halfvec";
    const string Model = "'universal-sentence-encoder-lite'";
    const string AnyPrice = "ROW(NULL, NULL, 0, NULL, NULL, NULL, NULL)::retail.product_filter";

    public static TheoryData<string> Attacks =>
    [
        "SELECT * FROM retail.search_products('secret', NULL, NULL, ARRAY['redmond'], NULL, 100)",
        "SELECT * FROM retail.search_products('secret', NULL, NULL, ARRAY['seattle', 'redmond'], NULL, 100)",
        "SELECT * FROM retail.search_products('secret', NULL, NULL, NULL, NULL, 1000000)",
        "SELECT * FROM retail.search_products('redmond secret', NULL, NULL, ARRAY[NULL, 'redmond'], NULL, 100)",
        "SELECT * FROM retail.search_products('SECRET-redmond', NULL, NULL, ARRAY['redmond'], NULL, 100)",
        "SELECT * FROM retail.search_products('sekret of redmont', NULL, NULL, ARRAY['redmond'], NULL, 100)",
        "SELECT * FROM retail.search_products('redmont', NULL, NULL, NULL, NULL, 100)",
        $"SELECT * FROM retail.search_products('secret of redmont', {Vector}, {Model}, ARRAY['redmond'], NULL, 100)",
        $"SELECT * FROM retail.search_products('secret of redmont', {Vector}, {Model}, (SELECT array_agg(store_id) FROM retail.stores), {AnyPrice}, 100, TRUE)",
        $"SELECT * FROM retail.search_products('SECRET-redmond', {Vector}, {Model}, NULL, NULL, 100, FALSE)",
        $"SELECT * FROM retail.search_products('secret', {Vector}, NULL, ARRAY['redmond'], NULL, 100)",
        $"SELECT * FROM retail.nearest_products({Vector}, {Model}, ARRAY['redmond'], NULL, 100)",
        $"SELECT * FROM retail.nearest_products({Vector}, {Model}, ARRAY['redmond', 'seattle'], NULL, 1000000, TRUE)",
        $"SELECT * FROM retail.nearest_products({Vector}, {Model}, ARRAY['redmond', NULL], {AnyPrice}, 100, FALSE)",
        $"SELECT * FROM retail.nearest_products({Vector}, 'x'' OR TRUE --', NULL, NULL, 100, TRUE)",
        $"SELECT * FROM retail.nearest_products({Vector}, {Model}, ARRAY['redmond'' OR TRUE --', '*'], {AnyPrice}, 100)",
        $"SELECT p.product_id, n.* FROM retail.products p CROSS JOIN LATERAL retail.nearest_products({Vector}, {Model}, ARRAY['redmond'], NULL, 100) n",
        // Another context, or none.
        "SELECT set_config('app.context', replace(current_setting('app.context'), 'seattle', '*'), true); SELECT * FROM retail.search_products('secret', NULL, NULL, NULL, NULL, 100)",
        "SELECT set_config('app.context', '', true); SELECT * FROM retail.search_products('secret', NULL, NULL, ARRAY['redmond'], NULL, 100)",
        $"SELECT set_config('app.context', replace(current_setting('app.context'), 'seattle', 'redmond'), true); SELECT * FROM retail.nearest_products({Vector}, {Model}, NULL, NULL, 100)",
        $"SELECT set_config('app.context', '', true); SELECT * FROM retail.nearest_products({Vector}, {Model}, ARRAY['redmond'], NULL, 100)",
        $"SELECT set_config('app.context', NULL, true); SELECT * FROM retail.search_products('secret', {Vector}, {Model}, NULL, NULL, 100)",
        // The tables that search reads, and their role.
        "SELECT ts_headline('english', 'secret', 'secret'), w.* FROM retail.product_words w WHERE words @@ 'secret'",
        "SELECT * FROM ts_stat('SELECT words FROM retail.product_words')",
        "INSERT INTO retail.product_words SELECT 'seattle', product_id, words FROM retail.product_words; SELECT * FROM retail.product_words",
        "SET ROLE zava_search; SELECT store_id, product_name FROM retail.products",
        "SELECT set_config('role', 'zava_search', true); SELECT store_id, product_name FROM retail.products",
        // A name that the functions use, put in front of the real one.
        "CREATE FUNCTION pg_temp.jsonb_object_keys(jsonb) RETURNS SETOF text LANGUAGE sql AS 'SELECT ''redmond'''; SELECT * FROM retail.search_products('secret', NULL, NULL, NULL, NULL, 100)",
        "CREATE TEMP VIEW current_context AS SELECT '{\"redmond\": \"\"}'::jsonb AS store_map; SET search_path = pg_temp, retail; SELECT * FROM retail.search_products('secret', NULL, NULL, ARRAY['redmond'], NULL, 100)",
    ];

    [Theory, MemberData(nameof(Attacks))]
    public async Task An_attack_on_search_learns_nothing_of_another_store(string sql)
    {
        await using var connection = await stores.OpenAsync(StoreSet.Of("seattle"));
        string learned;
        try
        {
            learned = await connection.ReadAllAsync(sql);
        }
        catch (PostgresException refused)
        {
            learned = $"{refused.MessageText} {refused.Detail} {refused.Hint} {refused.Where}";
        }
        Assert.All(await stores.SecretsOfAsync("redmond"), secret => Assert.DoesNotContain(secret, learned));
    }

    [Theory]
    [InlineData("SELECT * FROM retail.match_words('secret', ARRAY['redmond'], NULL, TRUE, 100)")]
    [InlineData("SELECT * FROM retail.products_with('secret'::tsquery, ARRAY['redmond'], NULL, FALSE, 100)")]
    [InlineData($"SELECT * FROM retail.nearest_of_stores({Vector}, {Model}, ARRAY['redmond'], NULL, 100, FALSE)")]
    [InlineData($"SELECT * FROM retail.nearest_by_scan({Vector}, {Model}, ARRAY['seattle'], {AnyPrice}, 100)")]
    [InlineData($"SELECT * FROM retail.nearest_by_index({Vector}, {Model}, ARRAY['seattle'], NULL, 100)")]
    [InlineData("SELECT * FROM retail.name_words('x', 'x', 'x', NULL)")]
    [InlineData("SELECT store_id FROM retail.product_words")]
    [InlineData("SELECT word FROM retail.search_vocabulary WHERE store_id = 'seattle'")]
    public async Task The_steps_of_a_search_are_its_own(string sql)
    {
        await using var connection = await stores.OpenAsync(StoreSet.Of("seattle"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => connection.ReadAllAsync(sql))).SqlState);
    }

    public static TheoryData<string> Searches =>
    [
        "SELECT store_id FROM retail.search_products('secret', NULL, NULL, NULL, NULL, 100)",
        "SELECT store_id FROM retail.search_products('secrett', NULL, NULL, NULL, NULL, 100)",
        $"SELECT store_id FROM retail.search_products('secret', {Vector}, {Model}, NULL, NULL, 100)",
        $"SELECT store_id FROM retail.nearest_products({Vector}, {Model}, ARRAY['seattle', 'redmond'], NULL, 100)",
        $"SELECT store_id FROM retail.nearest_products({Vector}, {Model}, NULL, {AnyPrice}, 100, FALSE)",
        $"SELECT store_id FROM retail.nearest_products({Vector}, {Model}, NULL, NULL, 100, TRUE)",
        $"SELECT store_id FROM retail.search_products_by_similarity({Vector})",
    ];

    [Theory, MemberData(nameof(Searches))]
    public async Task Each_search_finds_what_is_the_callers_own(string sql)
    {
        await using var one = await stores.OpenAsync(StoreSet.Of("seattle"));
        Assert.Equal("seattle ", await one.ReadAllAsync(sql));
        await using var both = await stores.OpenAsync(StoreSet.Of("seattle", "redmond"));
        Assert.Equal(["redmond", "seattle"], (await both.ReadAllAsync(sql)).Split(' ', StringSplitOptions.RemoveEmptyEntries).Order());
    }

    // Plans are kept with the session, and sessions serve one caller after the other.
    [Theory, MemberData(nameof(Searches))]
    public async Task A_session_searches_for_each_caller_in_its_own_stores(string sql)
    {
        await using var connection = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        foreach (var store in (string[])["seattle", "redmond", "seattle", "redmond"])
        {
            await connection.ExecuteAsync("BEGIN READ ONLY");
            await connection.ScalarAsync("SELECT retail.set_store_context($1)", stores.Seal(connection, StoreSet.Of(store)));
            Assert.Equal($"{store} ", await connection.ReadAllAsync(sql));
            await connection.ExecuteAsync("ROLLBACK");
        }
    }

    [Fact]
    public async Task A_vector_that_fits_no_row_of_another_store_does_not_tell_that_there_is_one()
    {
        const string Search = "SELECT count(*) FROM retail.nearest_products('[1,2]', 'of-redmond', NULL, NULL, 10)";
        await stores.Database.ExecuteAsync("""
            INSERT INTO retail.embedding_models (embedding_model, dimensions) VALUES ('of-redmond', 3);
            INSERT INTO retail.product_embeddings (store_id, product_id, embedding_text, embedding, embedding_model)
            SELECT store_id, product_id, 'text', '[1,2,3]', 'of-redmond' FROM retail.products WHERE store_id = 'redmond'
            """);
        await using var seattle = await stores.OpenAsync(StoreSet.Of("seattle"));
        Assert.Equal("0 ", await seattle.ReadAllAsync(Search));
        await using var redmond = await stores.OpenAsync(StoreSet.Of("redmond"));
        Assert.Equal(PostgresErrorCodes.DataException, (await Assert.ThrowsAsync<PostgresException>(() => redmond.ReadAllAsync(Search))).SqlState);
    }
}
