using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Isolation;

/// <summary>
/// A guess about another store must look the same whether it is right or wrong: in what is returned, in the error, and in
/// what EXPLAIN ANALYZE tells of the way there.
/// </summary>
public sealed class OracleTests(TwoStores stores) : IClassFixture<TwoStores>
{
    const string Hidden = "redmond@example.com";
    const string Missing = "rodmend@example.com";

    public static TheoryData<string, string> Guesses
    {
        get
        {
            var guesses = new TheoryData<string, string>();
            foreach (var plan in (string[])["", "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off", "SET LOCAL enable_seqscan = off"])
                foreach (var guess in (string[])
                [
                    "SELECT 1 FROM retail.customers WHERE email = '{0}'",
                    "SELECT 1 FROM retail.customers WHERE store_id = 'redmond' AND email = '{0}'",
                    "SELECT 1 FROM retail.customers WHERE store_id = 'redmond' AND email >= '{0}' AND email < '{0}x'",
                    "SELECT 1 FROM retail.customers WHERE email = '{0}' OR email = 'y'",
                    "SELECT 1 FROM (VALUES ('{0}')) guess (email) JOIN retail.customers USING (email)",
                    "SELECT count(*) FROM retail.customers WHERE last_name IS NOT NULL AND email = '{0}'",
                    "SELECT 1 WHERE EXISTS (SELECT FROM retail.customers WHERE email = '{0}')",
                    "UPDATE retail.customers SET phone = phone WHERE email = '{0}'",
                    "DELETE FROM retail.customers WHERE email = '{0}'",
                ])
                    guesses.Add(plan, guess);
            return guesses;
        }
    }

    [Theory, MemberData(nameof(Guesses))]
    public async Task A_guess_looks_the_same_right_or_wrong(string plan, string guess)
    {
        foreach (var (context, explain) in (List<(string, string)>)
        [
            ("garbage", ""), ("garbage", "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS) "),
            ("seattle", ""), ("seattle", "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "), ("seattle", "EXPLAIN "),
            ("", "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "),
        ])
        {
            // Once beforehand: the first look at a table is told apart by what it reads of the catalog.
            await OutcomeAsync(plan, context, explain + guess, Missing);
            Assert.Equal(await OutcomeAsync(plan, context, explain + guess, Missing), await OutcomeAsync(plan, context, explain + guess, Hidden));
        }
    }

    async Task<string> OutcomeAsync(string plan, string context, string sql, string value)
    {
        await using var connection = await stores.Database.As(DatabaseRole.Application).OpenConnectionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("BEGIN");
        if (plan != "")
            await connection.ExecuteAsync(plan);
        var token = context == "seattle" ? stores.Seal(connection, StoreSet.Of("seattle")) : context;
        await connection.ScalarAsync("SELECT set_config('app.context', $1, true)", token);
        try
        {
            return (await connection.ReadAllAsync(string.Format(sql, value))).Replace(value, "GUESS");
        }
        catch (PostgresException refused)
        {
            return $"{refused.SqlState} {refused.MessageText}".Replace(value, "GUESS");
        }
        finally
        {
            await connection.ExecuteAsync("ROLLBACK");
        }
    }

    [Fact]
    public async Task Estimates_do_not_tell_what_is_frequent_in_another_store()
    {
        await stores.Database.ExecuteAsync("""
            INSERT INTO retail.customers (store_id, first_name, last_name, email, phone)
            SELECT 'redmond', 'X', 'Frequent', 'f' || n || '@example.com', '(425) 555-0199' FROM generate_series(1, 200) n
            """);
        await stores.Database.ExecuteAsync("ANALYZE retail.customers");
        foreach (var (column, frequent, rare) in (List<(string, string, string)>)[("phone", "(425) 555-0199", "(425) 555-0198"), ("last_name", "Frequent", "Fraquent")])
        {
            var guess = $"EXPLAIN SELECT 1 FROM retail.customers WHERE {column} = '{{0}}'";
            Assert.Equal(await OutcomeAsync("", "seattle", guess, rare), await OutcomeAsync("", "seattle", guess, frequent));
        }
    }

    [Fact]
    public async Task A_read_only_query_cannot_end_its_transaction()
    {
        var tenant = new TenantDatabase(stores.Database.As(DatabaseRole.Application), stores.Sealer);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => tenant.QueryAsync(
            new(StoreSet.Of("seattle"), "attacker", "test"),
            new("DO $$ BEGIN COMMIT; UPDATE retail.products SET price = 0; ALTER ROLE mcp_user SET work_mem = '5MB'; END $$"),
            reader => reader.FieldCount, TestContext.Current.CancellationToken));
        Assert.Equal(PostgresErrorCodes.InvalidTransactionTermination, refused.SqlState);

        await Assert.ThrowsAsync<PostgresException>(() => tenant.QueryAsync(
            new(StoreSet.Of("seattle"), "attacker", "test"), new("ALTER ROLE mcp_user PASSWORD 'mine'"),
            reader => reader.FieldCount, TestContext.Current.CancellationToken));
        // The connection that was left in a failed transaction serves the next caller.
        Assert.Equal([1], await tenant.QueryAsync(new(StoreSet.Of("seattle"), "user", "test"), new("SELECT 1"), reader => reader.GetInt32(0), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("")]
    [InlineData("garbage")]
    public async Task A_change_cannot_shed_its_author_on_the_way(string context)
    {
        await using var connection = await stores.OpenAsync(StoreSet.Of("seattle"));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync(
            $"UPDATE retail.products SET price = price + 1 RETURNING set_config('app.context', '{context}', true)"));
        Assert.Equal(PostgresErrorCodes.InvalidAuthorizationSpecification, refused.SqlState);
    }
}
