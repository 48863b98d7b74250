using System.CommandLine;
using Npgsql;
using Zava.Benchmarks;
using Zava.Database;
using Zava.Seeder;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Worker;

/// <summary>The commands of an operator, as <c>zava_maintenance</c>, beside a real worker.</summary>
public sealed class EmbeddingModelsTests(DatabaseTemplate template) : IAsyncLifetime
{
    const string Next = "next-embedding";

    const int NextDimensions = 16;

    TestDatabase _database = null!;
    EmbeddingService _service = null!;
    EmbeddingService _nextService = null!;
    EmbeddingModels _models = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await template.CreateDatabaseAsync();
        _models = new(_database.As("zava_maintenance"));
        _service = await EmbeddingService.StartAsync(RunningWorker.Dimensions, TimeSpan.Zero, Cancellation);
        _nextService = await EmbeddingService.StartAsync(NextDimensions, TimeSpan.Zero, Cancellation);
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) SELECT 'seattle', n::text, 'Mug ' || n, 1 FROM generate_series(1, 30) n");
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _nextService.DisposeAsync();
        await _database.DisposeAsync();
    }

    Task<RunningWorker> StartWorkerAsync(bool withNext) => RunningWorker.StartAsync(_database, _service, !withNext ? [] :
    [
        ("Embeddings:Next:Provider", "openai"), ("Embeddings:Next:OpenAI:ApiKey", "secret-key"), ("Embeddings:Next:OpenAI:Endpoint", _nextService.Endpoint),
        ("Embeddings:Next:OpenAI:Model", Next), ("Embeddings:Next:OpenAI:Dimensions", $"{NextDimensions}"),
    ]);

    // A worker that has just started has not registered its model yet.
    async Task<EmbeddingModelStatus> StatusAsync(string model) => (await _models.StatusAsync(Cancellation)).SingleOrDefault(status => status.Model == model)
        ?? new(model, 0, "unknown", 0, 0, 0, 0, TimeSpan.Zero, HasIndex: false);

    /// <summary>What search by SQL finds for the text of a product; the error where the model is not the active one.</summary>
    async Task<string> SearchAsync(string text, string model, int dimensions)
    {
        await using var connection = await _database.As(DatabaseRole.Application).OpenConnectionAsync(Cancellation);
        await connection.ExecuteAsync("BEGIN");
        await connection.ScalarAsync("SELECT retail.set_store_context($1)",
            new ContextSealer(_database.Key, TimeProvider.System).Seal(new(StoreSet.Of("seattle"), "user", "test"), connection.ProcessID));
        try
        {
            return (string)(await connection.ScalarAsync(
                "SELECT product_name::text FROM retail.search_products_by_similarity(($1::real[])::vector::halfvec, NULL, 1, NULL, $2)", EmbeddingService.VectorOf(text, dimensions), model))!;
        }
        catch (PostgresException refused)
        {
            return refused.SqlState;
        }
    }

    static string NotActive => PostgresErrorCodes.ObjectNotInPrerequisiteState;

    [Fact]
    public async Task A_model_of_another_dimension_is_added_backfilled_switched_to_and_back_and_retired_while_search_goes_on()
    {
        await using (await StartWorkerAsync(withNext: false))
            await Eventually.EqualAsync(30L, async () => (await StatusAsync(RunningWorker.Model)).Embedded);
        Assert.Equal("active", (await StatusAsync(RunningWorker.Model)).State);

        // A worker alone changes nothing: it says what to do.
        await using var worker = await StartWorkerAsync(withNext: true);
        await Eventually.EqualAsync(true, async () => (await worker.HealthAsync()).StartsWith("Degraded: Nothing is embedded with next-embedding: another model is active. To change to it, run ./zava embeddings add next-embedding 16"));
        Assert.Equal(("inactive", 0), ((await StatusAsync(Next)).State, _nextService.Requests.Count));
        var early = await Assert.ThrowsAsync<DatabaseSetupException>(() => _models.SwitchAsync(Next, Cancellation));
        Assert.Contains("was not added", early.Message);

        var answer = new TaskCompletionSource();
        _nextService.Answer = async (_, _, _) =>
        {
            await answer.Task;
            return false;
        };
        Assert.Equal("standby", (await _models.AddAsync(Next, NextDimensions, Cancellation)).State);
        await Eventually.EqualAsync(1, () => Task.FromResult(_nextService.Requests.Count));
        Assert.StartsWith("Healthy", await worker.HealthAsync());
        early = await Assert.ThrowsAsync<DatabaseSetupException>(() => _models.SwitchAsync(Next, Cancellation));
        Assert.Contains("has 0 of 30 products", early.Message);
        Assert.Equal(("Mug 7", NotActive), (await SearchAsync("Mug 7", RunningWorker.Model, 8), await SearchAsync("Mug 7", Next, 16)));

        answer.SetResult();
        await Eventually.EqualAsync(true, async () => (await StatusAsync(Next)).IsComplete);
        // Both are kept current meanwhile.
        await _database.ExecuteAsync("UPDATE retail.products SET product_name = 'Cup' WHERE sku = '7'");
        await Eventually.EqualAsync(2L, () => _database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings WHERE embedding_text = 'Cup'"));

        await _models.SwitchAsync(Next, Cancellation);
        Assert.Equal((NotActive, "Cup"), (await SearchAsync("Cup", RunningWorker.Model, 8), await SearchAsync("Cup", Next, 16)));
        Assert.Equal(("active", true, "standby"), ((await StatusAsync(Next)).State, (await StatusAsync(Next)).HasIndex, (await StatusAsync(RunningWorker.Model)).State));
        Assert.Contains("is the active one", (await Assert.ThrowsAsync<DatabaseSetupException>(() => _models.RetireAsync(Next, Cancellation))).Message);

        await _models.SwitchAsync(RunningWorker.Model, Cancellation);
        Assert.Equal("Cup", await SearchAsync("Cup", RunningWorker.Model, 8));
        Assert.Equal(30, await _models.RetireAsync(Next, Cancellation));
        Assert.Equal(0, await _models.RetireAsync(Next, Cancellation));
        var retired = await StatusAsync(Next);
        Assert.Equal(("inactive", 0L, 0L, false), (retired.State, retired.Embedded, retired.Waiting, retired.HasIndex));
        await _database.ExecuteAsync("UPDATE retail.products SET product_name = 'Bowl' WHERE sku = '7'");
        await Eventually.EqualAsync(1L, () => _database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings WHERE embedding_text = 'Bowl'"));
        Assert.Equal(0L, (await StatusAsync(Next)).Embedded);
    }

    [Fact]
    public async Task An_index_that_an_interrupted_switch_left_half_built_is_built_anew()
    {
        await using var worker = await StartWorkerAsync(withNext: false);
        await Eventually.EqualAsync(30L, async () => (await StatusAsync(RunningWorker.Model)).Embedded);
        await _models.SwitchAsync(RunningWorker.Model, Cancellation);
        await _database.ExecuteAsync("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = (SELECT indexrelid FROM pg_stat_user_indexes WHERE indexrelname LIKE 'idx_product_embeddings_________' AND indexrelname <> 'idx_product_embeddings_vector')");
        Assert.False((await StatusAsync(RunningWorker.Model)).HasIndex);
        await _models.SwitchAsync(RunningWorker.Model, Cancellation);
        Assert.True((await StatusAsync(RunningWorker.Model)).HasIndex);
    }

    [Fact]
    public async Task The_index_is_made_when_there_are_so_many_vectors_that_search_uses_it()
    {
        await using (await StartWorkerAsync(withNext: false))
            await Eventually.EqualAsync(30L, async () => (await StatusAsync(RunningWorker.Model)).Embedded);
        Assert.False((await StatusAsync(RunningWorker.Model)).HasIndex);

        await _database.ExecuteAsync("CREATE OR REPLACE FUNCTION retail.index_pays_from() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 31'");
        const string Pays = $"SELECT retail.index_pays_for(ARRAY['seattle'], '{RunningWorker.Model}')";
        await _database.ExecuteAsync("INSERT INTO retail.products (store_id, sku, product_name, price) VALUES ('seattle', '31', 'Mug 31', 1)");
        await using var worker = await StartWorkerAsync(withNext: false);
        await Eventually.EqualAsync(true, async () => (await StatusAsync(RunningWorker.Model)).HasIndex);
        Assert.True(await _database.ScalarAsync<bool>(Pays));
        Assert.Equal("Mug 31", await SearchAsync("Mug 31", RunningWorker.Model, 8));

        // As a build that was interrupted leaves it.
        await _database.ExecuteAsync("UPDATE pg_index SET indisvalid = FALSE FROM pg_class c WHERE c.oid = indexrelid AND c.relname LIKE 'idx_product_embeddings_________' AND c.relname <> 'idx_product_embeddings_vector'");
        Assert.False(await _database.ScalarAsync<bool>(Pays));
        Assert.True(await _database.ScalarAsync<bool>($"SELECT retail.build_vector_index('{RunningWorker.Model}')"));
        Assert.False(await _database.ScalarAsync<bool>($"SELECT retail.build_vector_index('{RunningWorker.Model}')"));
        Assert.True(await _database.ScalarAsync<bool>(Pays));
    }

    [Fact]
    public async Task Dead_letters_are_listed_with_their_reason_and_tried_again_on_request()
    {
        var poison = true;
        _service.Answer = async (_, texts, context) =>
        {
            if (!poison || !texts.Contains("Mug 7"))
                return false;
            context.Response.StatusCode = 400;
            await context.Response.Body.FlushAsync();
            return true;
        };
        await using var worker = await RunningWorker.StartAsync(_database, _service, ("EmbeddingWorker:MaximumAttempts", "1"));
        await Eventually.EqualAsync(1L, async () => (await StatusAsync(RunningWorker.Model)).Dead);
        var letter = Assert.Single(await _models.DeadLettersAsync(10, Cancellation));
        Assert.Equal((RunningWorker.Model, "seattle", "the embedding provider refuses the text (HTTP 400)"), (letter.Model, letter.StoreId, letter.Reason));
        Assert.Equal(0, await CommandAsync("status"));
        Assert.Equal(0, await _models.RequeueAsync("redmond", Cancellation));

        poison = false;
        Assert.Equal(0, await CommandAsync("requeue", "--store", "seattle"));
        await Eventually.EqualAsync(30L, async () => (await StatusAsync(RunningWorker.Model)).Embedded);
        Assert.Empty(await _models.DeadLettersAsync(10, Cancellation));
    }

    [Fact]
    public async Task The_command_says_by_its_exit_code_what_it_could_not_do()
    {
        Assert.Equal(1, await CommandAsync("switch", "unheard-of"));
        Assert.Equal(1, await CommandAsync("add", "universal-sentence-encoder-lite", "511"));
        Assert.Equal(1, await CommandAsync("add", "large", "4001"));
        Assert.Equal(0, await CommandAsync("add", "universal-sentence-encoder-lite", "512"));
        Assert.Equal("active", (await StatusAsync("universal-sentence-encoder-lite")).State);
        // A login that may not.
        Assert.Equal(2, await CommandAsync(["retire", "text-embedding-3-small"], DatabaseRole.Worker));
    }

    [Fact]
    public async Task Maintenance_removes_no_vector_of_a_model_that_is_in_use()
    {
        await using (await StartWorkerAsync(withNext: false))
            await Eventually.EqualAsync(30L, async () => (await StatusAsync(RunningWorker.Model)).Embedded);
        await using var connection = await _database.As("zava_maintenance").OpenConnectionAsync(Cancellation);
        await connection.ExecuteAsync("SET ROLE zava_owner");
        Assert.Equal(0, await connection.ExecuteAsync("DELETE FROM retail.product_embeddings"));
        await connection.ExecuteAsync("RESET ROLE");
        foreach (var sql in (string[])["SELECT embedding_text FROM retail.product_embeddings", "SELECT embedding FROM retail.product_embeddings", "SELECT product_name FROM retail.products"])
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => connection.ReadAllAsync(sql))).SqlState);
    }

    Task<int> CommandAsync(params string[] arguments) => CommandAsync(arguments, "zava_maintenance");

    Task<int> CommandAsync(string[] arguments, string login) =>
        new RootCommand { EmbeddingsCommand.Create(_ => Task.FromResult(NpgsqlDataSource.Create(_database.ConnectionString(login)))) }
            .Parse(["embeddings", .. arguments]).InvokeAsync(cancellationToken: Cancellation);
}
