using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>
/// The search by words reads with more rights than its caller. Whoever may call its functions with any arguments learns no
/// name, key or word of another store.
/// </summary>
public sealed class SearchTests(TwoStores stores) : IClassFixture<TwoStores>
{
    const string Vector = "array_fill(1::real, ARRAY[512])::vector::halfvec";
    const string Model = "'universal-sentence-encoder-lite'";

    public static TheoryData<string> Attacks =>
    [
        "SELECT * FROM retail.match_words('secret', ARRAY['redmond'], NULL, TRUE, 100)",
        "SELECT * FROM retail.match_words('secret', ARRAY['seattle', 'redmond'], NULL, TRUE, 100)",
        "SELECT * FROM retail.match_words('secret', NULL, NULL, TRUE, 1000000)",
        "SELECT * FROM retail.match_words('redmond secret', NULL, NULL, TRUE, 100)",
        "SELECT * FROM retail.match_words('SECRET-redmond', ARRAY['redmond'], NULL, FALSE, 100)",
        "SELECT * FROM retail.match_words('sekret of redmont', ARRAY['redmond'], NULL, TRUE, 100)",
        "SELECT * FROM retail.match_words('redmont', NULL, NULL, FALSE, 100)",
        "SELECT set_config('app.context', replace(current_setting('app.context'), 'seattle', '*'), true); SELECT * FROM retail.match_words('secret', NULL, NULL, TRUE, 100)",
        "SELECT set_config('app.context', '', true); SELECT * FROM retail.match_words('secret', ARRAY['redmond'], NULL, TRUE, 100)",
        "SELECT * FROM retail.products_with('secret'::tsquery, ARRAY['redmond'], NULL, FALSE, 100)",
        "SELECT * FROM retail.search_vocabulary",
        "SELECT word FROM retail.search_vocabulary WHERE store_id = 'redmond'",
        "SELECT store_id, product_id, words FROM retail.product_words",
        "SELECT product_id FROM retail.product_words WHERE store_id = 'redmond'",
        "SELECT ts_headline('english', 'secret', 'secret'), w.* FROM retail.product_words w WHERE words @@ 'secret'",
        "SELECT set_config('app.context', '', true); SELECT * FROM retail.product_words",
        "SELECT * FROM ts_stat('SELECT words FROM retail.product_words')",
        "INSERT INTO retail.product_words SELECT 'seattle', product_id, words FROM retail.product_words; SELECT * FROM retail.product_words",
        "SELECT * FROM retail.name_words('x', 'x', 'x', NULL)",
        "SET ROLE zava_search; SELECT store_id, product_name FROM retail.products",
        "SELECT set_config('role', 'zava_search', true); SELECT store_id, product_name FROM retail.products",
        $"SELECT * FROM retail.search_products('secret', {Vector}, NULL, ARRAY['redmond'], NULL, 100)",
        $"SELECT * FROM retail.search_products('secret', NULL, NULL, ARRAY['redmond', 'seattle'], NULL, 100)",
        $"SELECT * FROM retail.nearest_products({Vector}, {Model}, ARRAY['redmond'], NULL, 100)",
        $"SELECT * FROM retail.nearest_by_scan({Vector}, {Model}, ARRAY['redmond'], NULL, 100)",
        $"SELECT * FROM retail.nearest_by_scan({Vector}, {Model}, ARRAY['redmond'], ROW(NULL, NULL, 0, NULL, NULL, NULL, NULL)::retail.product_filter, 100)",
        $"SELECT * FROM retail.nearest_by_index({Vector}, {Model}, ARRAY['redmond', 'seattle'], NULL, 100)",
        $"SELECT * FROM retail.nearest_by_index({Vector}, 'x'' OR TRUE --', ARRAY['redmond'], NULL, 100)",
        $"SELECT * FROM retail.nearest_by_index({Vector}, {Model}, (SELECT array_agg(store_id) FROM retail.stores), NULL, 100)",
        // A name that the functions use, put in front of the real one.
        "CREATE FUNCTION pg_temp.current_store_ids() RETURNS text[] LANGUAGE sql AS 'SELECT ARRAY[''redmond'']'; SELECT * FROM retail.match_words('secret', NULL, NULL, TRUE, 100)",
        "SET search_path = pg_temp, retail; SELECT * FROM retail.match_words('secret', ARRAY['redmond'], NULL, TRUE, 100)",
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
    [InlineData("SELECT store_id FROM retail.match_words('secret', NULL, NULL, FALSE, 100)")]
    [InlineData("SELECT store_id FROM retail.match_words('secrett', NULL, NULL, FALSE, 100)")]
    [InlineData($"SELECT store_id FROM retail.nearest_by_index({Vector}, {Model}, ARRAY['seattle', 'redmond'], NULL, 100)")]
    [InlineData($"SELECT store_id FROM retail.nearest_by_scan({Vector}, {Model}, ARRAY['seattle', 'redmond'], NULL, 100)")]
    [InlineData($"SELECT store_id FROM retail.search_products('secret', {Vector}, NULL, NULL, NULL, 100)")]
    public async Task Each_leg_finds_what_is_the_callers_own(string sql)
    {
        await using var one = await stores.OpenAsync(StoreSet.Of("seattle"));
        Assert.Equal("seattle ", await one.ReadAllAsync(sql));
        await using var both = await stores.OpenAsync(StoreSet.Of("seattle", "redmond"));
        Assert.Equal(["redmond", "seattle"], (await both.ReadAllAsync(sql)).Split(' ', StringSplitOptions.RemoveEmptyEntries).Order());
    }
}
