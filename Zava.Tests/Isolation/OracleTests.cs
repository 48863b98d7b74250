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
    const string NoIndex = "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off";
    const string NoTableScan = "SET LOCAL enable_seqscan = off";

    /// <summary>Guesses by SQL of the caller's own, which runs as the login of its store.</summary>
    public static TheoryData<string, string> QueryGuesses => Combine(["", NoIndex, NoTableScan],
    [
        "SELECT 1 FROM retail.products WHERE sku = '{0}'",
        "SELECT 1 FROM retail.products WHERE store_id = 'redmond' AND sku = '{0}'",
        "SELECT 1 FROM retail.products WHERE store_id = 'redmond' AND sku >= '{0}' AND sku < '{0}x'",
        "SELECT 1 FROM retail.products WHERE sku = '{0}' OR sku = 'y'",
        "SELECT 1 FROM (VALUES ('{0}')) guess (sku) JOIN retail.products USING (sku)",
        "SELECT count(*) FROM retail.products WHERE product_name IS NOT NULL AND sku = '{0}'",
        "SELECT 1 WHERE EXISTS (SELECT FROM retail.products WHERE sku = '{0}')",
        "SELECT 1 FROM retail.products WHERE is_active AND sku = '{0}'",
    ]);

    [Theory, MemberData(nameof(QueryGuesses))]
    public async Task A_guess_of_free_SQL_looks_the_same_right_or_wrong(string plan, string guess)
    {
        var login = QueryLogin.Of(stores.Database.Key, "seattle");
        await AssertTellsNothingAsync(new NpgsqlConnectionStringBuilder(stores.Database.ConnectionString(DatabaseRole.Application))
        {
            Username = login.Name,
            Password = login.Password,
        }.ConnectionString, plan, guess, right: "SECRET-redmond", wrong: "SECRET-rodmend");
    }

    /// <summary>
    /// Guesses in the place of a tool's own statement. Its login's policies find no index of their own, so a plan that looks for
    /// the value first tells that it is there; the policy itself, which comes before a caller's conditions, does not.
    /// </summary>
    public static TheoryData<string, string> ServiceGuesses => Combine([NoIndex],
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
    ]);

    [Theory, MemberData(nameof(ServiceGuesses))]
    public Task A_guess_in_a_statement_of_a_service_looks_the_same_right_or_wrong(string plan, string guess) => AssertTellsNothingAsync(
        stores.Database.ConnectionString(DatabaseRole.Application), plan, guess, right: "redmond@example.com", wrong: "rodmend@example.com");

    static TheoryData<string, string> Combine(string[] plans, string[] guesses) =>
        [.. from plan in plans from guess in guesses select new TheoryDataRow<string, string>(plan, guess)];

    async Task AssertTellsNothingAsync(string login, string plan, string guess, string right, string wrong)
    {
        foreach (var (context, explain) in (List<(string, string)>)
        [
            ("garbage", ""), ("garbage", "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS) "),
            ("seattle", ""), ("seattle", "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "), ("seattle", "EXPLAIN "),
            ("", "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "),
        ])
        {
            // Once beforehand: the first look at a table is told apart by what it reads of the catalog.
            await OutcomeAsync(login, plan, context, explain + guess, wrong);
            Assert.Equal(
                await OutcomeAsync(login, plan, context, explain + guess, wrong), await OutcomeAsync(login, plan, context, explain + guess, right));
        }
    }

    async Task<string> OutcomeAsync(string login, string plan, string context, string sql, string value)
    {
        await using var connection = new NpgsqlConnection(login);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
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
        var application = stores.Database.ConnectionString(DatabaseRole.Application);
        foreach (var (column, frequent, rare) in (List<(string, string, string)>)[("phone", "(425) 555-0199", "(425) 555-0198"), ("last_name", "Frequent", "Fraquent")])
        {
            var guess = $"EXPLAIN SELECT 1 FROM retail.customers WHERE {column} = '{{0}}'";
            Assert.Equal(await OutcomeAsync(application, "", "seattle", guess, rare), await OutcomeAsync(application, "", "seattle", guess, frequent));
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
