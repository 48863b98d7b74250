using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Zava.Database;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Resilience;

/// <summary>Two servers and two workers on a primary with a streaming standby, by nothing but a connection string of two hosts.</summary>
public sealed class StandbyTests
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    const string InRecovery = "SELECT pg_is_in_recovery()";

    [Fact]
    public async Task Every_call_is_answered_while_a_server_is_killed_reads_come_from_the_standby_and_writes_go_to_the_primary()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var stack = new ReplicatedStack();
        await stack.StartAsync();

        await stack.Primary.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price, current_stock) SELECT s, 'SKU-' || s || '-' || n, 'Mug ' || n, 1, 1000 FROM unnest(ARRAY['seattle', 'redmond']) s, generate_series(1, 100) n");
        // Both workers share the queue, and each product has one vector, which the standby gets too.
        await Eventually.EqualAsync(202L, () => stack.Standby.CountAsync("retail.product_embeddings"));
        Assert.Equal(0L, await stack.Primary.CountAsync("retail.embedding_queue"));

        var (answered, stop) = (0, 0);
        var load = Enumerable.Range(0, 4).Select(number => Task.Run(async () =>
        {
            var (mine, other) = number % 2 == 0 ? ("seattle", "redmond") : ("redmond", "seattle");
            var (calls, repeated) = (0, 0);
            while (Volatile.Read(ref stop) == 0)
                foreach (var (tool, arguments) in ((string, object)[])
                [
                    ("list_stores", new { }),
                    ("semantic_search_products", new { query = $"mug {calls}", limit = 3 }),
                    ("execute_sales_query", new { sql = $"SELECT sku, pg_is_in_recovery() AS standby FROM retail.products WHERE sku < 'Z{calls}' ORDER BY 1 LIMIT 3" }),
                    ("adjust_stock", new { sku = $"SKU-{mine}-{calls % 100 + 1}", change = 1, reason = "delivery", idempotency_key = $"delivery {number} {calls}" }),
                ])
                {
                    var (answer, asked) = await stack.CallAsync($"{mine}-manager", number, tool, arguments);
                    var text = answer.GetRawText();
                    Assert.DoesNotContain("isError\":true", text);
                    Assert.DoesNotContain(other, text);
                    if (tool == "execute_sales_query")
                        Assert.Contains("true", text.Split("\"rows\":")[1]);
                    calls++;
                    Interlocked.Increment(ref answered);
                    repeated += asked - 1;
                }
            return (calls, repeated);
        })).ToArray();

        await AnsweredAsync(16);
        stack.KillServer(0);
        await AnsweredAsync(64);
        Volatile.Write(ref stop, 1);
        var done = await Task.WhenAll(load);
        Assert.True(done.Sum(one => one.repeated) > 0, "No call met the killed server.");
        // Once for its key, whichever server was asked how often.
        Assert.Equal(done.Sum(one => one.calls) / 4L, await stack.Primary.CountAsync("retail.stock_adjustments"));

        // A call that failed has ended its client, and says why.
        async Task AnsweredAsync(int calls) => await Eventually.EqualAsync(true, () => Task.FromResult(Volatile.Read(ref answered) >= calls || load.Any(client => client.IsFaulted)));
    }

    [Fact]
    public async Task The_context_holds_for_the_backend_of_the_host_that_gets_the_statement_and_reads_go_on_without_the_standby()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var stack = new ReplicatedStack();
        await stack.StartAsync();
        await using var app = RunningServer.Build("Development", stack.Settings);
        await app.StartAsync(Cancellation);
        var tenant = app.Services.GetRequiredService<TenantDatabase>();
        var seattle = new TenantContext(StoreSet.Of("seattle"), "reader@example.com", "test");

        Assert.Equal([true], await tenant.QueryAsync(seattle, new(InRecovery), row => row.GetBoolean(0), Cancellation));
        Assert.Equal([false], await tenant.WriteAsync(seattle, new(InRecovery), row => row.GetBoolean(0), Cancellation));
        Assert.Equal(["seattle"], await tenant.QueryAsync(seattle, new("SELECT DISTINCT store_id FROM retail.products"), row => row.GetString(0), Cancellation));
        // No login of a service writes on a standby, whatever it is told.
        Assert.Equal(PostgresErrorCodes.ReadOnlySqlTransaction, (await Assert.ThrowsAsync<PostgresException>(() =>
            tenant.QueryAsync(seattle, new("UPDATE retail.products SET price = 2"), row => 0, Cancellation))).SqlState);
        // All else asks for a data source and gets the primary.
        await using (var command = app.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(InRecovery))
            Assert.False((bool)(await command.ExecuteScalarAsync(Cancellation))!);

        // A context that was sealed for a backend of one host is refused by the other.
        await using (var hosts = (NpgsqlMultiHostDataSource)NpgsqlDataSource.Create(stack.ConnectionString("mcp_user")))
        await using (var standby = await hosts.OpenConnectionAsync(TargetSessionAttributes.Standby, Cancellation))
        await using (var primary = await hosts.OpenConnectionAsync(TargetSessionAttributes.Primary, Cancellation))
        {
            var sealer = app.Services.GetRequiredService<ContextSealer>();
            var stolen = sealer.Seal(seattle, standby.ProcessID);
            Assert.Equal(1L, await CountAsync(standby, stolen));
            Assert.Equal(PostgresErrorCodes.InvalidAuthorizationSpecification, (await Assert.ThrowsAsync<PostgresException>(() => CountAsync(primary, stolen))).SqlState);
        }

        await stack.Standby.KillAsync();
        await Eventually.EqualAsync(false, async () =>
        {
            try
            {
                return (await tenant.QueryAsync(seattle, new(InRecovery), row => row.GetBoolean(0), Cancellation)).Single();
            }
            catch (NpgsqlException)
            {
                return true; // its connections that were broken
            }
        });
        await app.StopAsync(Cancellation);
    }

    static async Task<object?> CountAsync(NpgsqlConnection connection, string context)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("BEGIN READ ONLY"),
                new("SELECT set_config('app.context', $1, true)") { Parameters = { new() { Value = context } } },
                new("SELECT count(*) FROM retail.products"),
                new("COMMIT"),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(Cancellation);
        await reader.NextResultAsync(Cancellation);
        await reader.ReadAsync(Cancellation);
        return reader.GetValue(0);
    }
}
