using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Zava.Benchmarks;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Worker;

/// <summary>The worker and the real OpenAI client, against a service that fails in every way of its protocol.</summary>
public sealed class ProviderFaultTests(DatabaseTemplate template) : IAsyncLifetime
{
    const int Products = 20;

    const string Mark = "TELLTALE";

    TestDatabase _database = null!;
    EmbeddingService _service = null!;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await template.CreateDatabaseAsync();
        _service = await EmbeddingService.StartAsync(RunningWorker.Dimensions, TimeSpan.Zero, Cancellation);
        await AddAsync(Products);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    Task AddAsync(int count, string name = "Mug number ") => _database.ExecuteAsync(
        "INSERT INTO retail.products (store_id, sku, product_name, price) SELECT 'seattle', $2 || n, $2 || n, 1 FROM generate_series(1, $1) n", count, name);

    Task<RunningWorker> StartAsync(params (string, string)[] settings) => RunningWorker.StartAsync(_database, _service, settings);

    Task EmbeddedAsync(long count) => Eventually.EqualAsync(count, () => _database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings"));

    Task<string> DeadAsync() => _database.ScalarAsync<string>("SELECT coalesce(string_agg(last_error, ';'), '') FROM retail.embedding_queue WHERE dead_since IS NOT NULL");

    static async Task<bool> AnswerAsync(HttpContext context, int status, string body)
    {
        context.Response.StatusCode = status;
        await context.Response.WriteAsync(body);
        return true;
    }

    public static TheoryData<string> Faults => ["500", "503", "429", "408", "timeout", "truncated", "not json", "empty", "too few", "cut"];

    [Theory, MemberData(nameof(Faults))]
    public async Task A_fault_that_passes_costs_a_repetition_and_nothing_else(string fault)
    {
        _service.Answer = async (number, texts, context) =>
        {
            if (number > 2)
                return false;
            var good = EmbeddingService.Json(texts.Select(text => EmbeddingService.VectorOf(text, RunningWorker.Dimensions)));
            switch (fault)
            {
                case "timeout":
                    await Task.Delay(TimeSpan.FromSeconds(20), context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    return true;
                case "cut":
                    context.Response.ContentLength = good.Length;
                    await context.Response.WriteAsync(good[..100]);
                    await context.Response.Body.FlushAsync();
                    context.Abort();
                    return true;
                default:
                    return fault switch
                    {
                        "truncated" => await AnswerAsync(context, 200, good[..(good.Length / 2)]),
                        "not json" => await AnswerAsync(context, 200, "<html>Bad gateway</html>"),
                        "empty" => await AnswerAsync(context, 200, ""),
                        "too few" => await AnswerAsync(context, 200, EmbeddingService.Json([[1, 2, 3, 4, 5, 6, 7, 8]])),
                        _ => await AnswerAsync(context, int.Parse(fault), "{}"),
                    };
            }
        };
        await using var worker = await StartAsync(("EmbeddingWorker:RequestTimeout", "00:00:00.5"));
        await EmbeddedAsync(Products);
        await Eventually.EqualAsync((3, 2L, (long)Products), () => Task.FromResult((_service.Requests.Count, worker.Count("retried"), worker.Count("embedded"))));
        Assert.Equal("", await DeadAsync());
    }

    [Fact]
    public async Task Retry_after_is_waited_for()
    {
        var times = new List<long>();
        _service.Answer = async (number, _, context) =>
        {
            lock (times)
                times.Add(Stopwatch.GetTimestamp());
            context.Response.Headers.RetryAfter = "2";
            return number == 1 && await AnswerAsync(context, 429, "{}");
        };
        await using var worker = await StartAsync();
        await EmbeddedAsync(Products);
        Assert.Equal(2, times.Count);
        Assert.InRange(Stopwatch.GetElapsedTime(times[0], times[1]).TotalSeconds, 1.9, 30);
    }

    [Theory]
    [InlineData("400", "the embedding provider refuses the text (HTTP 400)")]
    [InlineData("413", "the embedding provider refuses the text (HTTP 413)")]
    [InlineData("dimensions", "returned 7 dimensions; 'test-embedding' has 8")]
    [InlineData("NaN", "a number that is not finite")]
    [InlineData("zeros", "a vector of zeros")]
    public async Task One_poison_text_becomes_a_dead_letter_and_the_others_are_embedded(string poison, string reason)
    {
        await AddAsync(1, Mark);
        _service.Answer = async (_, texts, context) =>
        {
            if (!texts.Any(text => text.Contains(Mark)))
                return false;
            if (int.TryParse(poison, out var status))
                return await AnswerAsync(context, status, $"{{\"error\": {{\"message\": \"Refused: {texts[0]} {Mark} for key secret-key\"}}}}");
            await EmbeddingService.WriteAsync(context, texts.Select(text => !text.Contains(Mark) ? EmbeddingService.VectorOf(text, RunningWorker.Dimensions) : poison switch
            {
                "dimensions" => new float[7],
                "NaN" => [1, 2, 3, 4, 5, 6, 7, float.NaN],
                _ => new float[8],
            }));
            return true;
        };
        await using var worker = await StartAsync(("EmbeddingWorker:MaximumAttempts", "2"));
        await EmbeddedAsync(Products);
        await Eventually.EqualAsync(true, async () => (await DeadAsync()).EndsWith(reason));
        await Eventually.EqualAsync((1L, 2L), () => Task.FromResult((worker.Count("dead"), worker.Count("refused"))));
        // 21 texts are halved at most five times, and once more the one alone and, because nothing else is asked for then, the probe.
        Assert.InRange(_service.Requests.Count, 3, 14);
        Assert.StartsWith("Healthy", await worker.HealthAsync());

        var said = string.Join('\n', [.. worker.Log.Entries,
            .. worker.Spans.Select(span => $"{span.DisplayName} {span.StatusDescription} {string.Join(' ', span.TagObjects)} {string.Join(' ', span.Events.SelectMany(happened => happened.Tags))}")]);
        Assert.Contains(reason, said);
        Assert.Contains($"embeddings {RunningWorker.Model}", said);
        Assert.DoesNotContain(Mark, said + await DeadAsync());
        Assert.DoesNotContain("secret-key", said);
    }

    [Theory]
    [InlineData(503, "has a fault (HTTP 503)")]
    [InlineData(401, "does not accept the key or the account (HTTP 401)")]
    [InlineData(400, "refuses the text (HTTP 400)")]
    public async Task A_provider_that_is_down_pauses_claims_says_so_and_loses_nothing(int status, string reason)
    {
        var down = true;
        _service.Answer = async (_, _, context) => down && await AnswerAsync(context, status, "{}");
        await using var worker = await StartAsync(("EmbeddingWorker:BatchSize", "8"));
        await Eventually.EqualAsync(true, async () => (await worker.HealthAsync()).StartsWith("Degraded"));
        Assert.Contains($"Embedding with test-embedding pauses: the embedding provider {reason}. Products wait in the queue", await worker.HealthAsync());

        var asked = _service.Requests.Count;
        await Task.Delay(3_000, Cancellation);
        // At most three pauses of a second ended, and each was followed by one try: a batch, or its halves down to each text and the probe.
        Assert.InRange(_service.Requests.Count - asked, 0, status == 400 ? 3 * 17 : 3 * 5);
        Assert.Equal(Products, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue WHERE attempts = 0 AND dead_since IS NULL"));

        down = false;
        await EmbeddedAsync(Products);
        Assert.StartsWith("Healthy", await worker.HealthAsync());
        Assert.Equal(0, worker.Count("dead"));
    }

    [Theory]
    [InlineData("EmbeddingWorker:RequestsPerMinute", "2")]
    [InlineData("EmbeddingWorker:TokensPerMinute", "1000")]
    public async Task Limits_of_the_account_are_respected(string limit, string perMinute)
    {
        await _database.ExecuteAsync("UPDATE retail.products SET product_description = repeat('x', 1400)");
        await using var worker = await StartAsync((limit, perMinute), ("EmbeddingWorker:BatchSize", "1"));
        await Eventually.EqualAsync(2, () => Task.FromResult(_service.Requests.Count));
        await Task.Delay(2_000, Cancellation);
        Assert.Equal(2, _service.Requests.Count);
    }

    [Fact]
    public async Task A_request_has_no_more_characters_than_it_may()
    {
        await _database.ExecuteAsync("UPDATE retail.products SET product_description = repeat('x', 3000)");
        await using var worker = await StartAsync(("EmbeddingWorker:RequestCharacters", "8000"));
        await EmbeddedAsync(Products);
        Assert.Equal(Products / 2, _service.Requests.Count);
        Assert.All(_service.Requests, texts => Assert.Equal(2, texts.Length));
    }

    [Fact]
    public async Task No_connection_is_held_while_the_provider_works()
    {
        var (asked, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        _service.Answer = async (_, _, _) =>
        {
            asked.TrySetResult();
            await answer.Task;
            return false;
        };
        var two = new NpgsqlConnectionStringBuilder(_database.ConnectionString(DatabaseRole.Worker)) { MaxPoolSize = 2, Timeout = 5 }.ConnectionString;
        await using var worker = await StartAsync(("ConnectionStrings:retail_db", two));
        await asked.Task;
        // One of the two listens; the other is free, or this would time out.
        await using (var free = await worker.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(Cancellation))
            Assert.Equal(0L, await free.ScalarAsync("SELECT count(*) FROM pg_stat_activity WHERE usename = 'zava_worker' AND datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"));
        answer.SetResult();
        await EmbeddedAsync(Products);
    }

    [Fact]
    public async Task Unchanged_text_is_never_sent_twice()
    {
        await using (var worker = await StartAsync())
        {
            await EmbeddedAsync(Products);
            await RenamedAsync("Cup");
            await RenamedAsync("Mug");
            await Eventually.EqualAsync((Products * 2L, (long)Products), () => Task.FromResult((worker.Count("embedded"), worker.Count("reused"))));
            Assert.Equal(Products * 2 * 7, worker.Count("tokens"));
            Assert.InRange(worker.Count("batch.duration"), 3, Products * 3);
        }
        // A restart that finds everything queued again, some under a claim of a worker that died.
        await _database.ExecuteAsync("INSERT INTO retail.embedding_queue (store_id, product_id, embedding_model, claim_id, available_at) SELECT store_id, product_id, $1, gen_random_uuid(), now() FROM retail.products", RunningWorker.Model);
        await using (var worker = await StartAsync())
            await Eventually.EqualAsync(0L, () => _database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue"));
        var sent = _service.Requests.SelectMany(texts => texts).ToList();
        Assert.Equal((Products * 2, Products * 2), (sent.Count, sent.Distinct().Count()));

        async Task RenamedAsync(string name)
        {
            await _database.ExecuteAsync("UPDATE retail.products SET product_name = $1 || substr(product_name, 4)", name);
            await Eventually.EqualAsync(0L, () => _database.ScalarAsync<long>("SELECT count(*) FROM retail.embedding_queue"));
            Assert.Equal((long)Products, await _database.ScalarAsync<long>("SELECT count(*) FROM retail.product_embeddings JOIN retail.products USING (store_id, product_id) WHERE embedding_text = product_name"));
        }
    }
}
