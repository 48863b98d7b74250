using System.Diagnostics;
using Npgsql;
using Pgvector;
using Polly;
using Zava.Database;
using Zava.Embeddings;

namespace Zava.EmbeddingWorker;

/// <summary>Keeps the vectors of one model current: claims, embeds, stores.</summary>
sealed class ModelWorker(
    EmbeddingProvider provider, NpgsqlDataSource dataSource, EmbeddingWorkerOptions options, WorkerHealth health, WorkerMetrics metrics, ILogger logger)
    : IDisposable
{
    // A notification wakes the worker at once; the timer is for those that a broken connection lost, and for pauses.
    internal static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    // Reads every product's text, and finds something only when a model is new or the text is prepared differently.
    static readonly TimeSpan EnqueueMissingInterval = TimeSpan.FromMinutes(5);

    // Looks at few rows, unless an index is due.
    static readonly TimeSpan VectorIndexInterval = TimeSpan.FromMinutes(5);

    static readonly TimeSpan BacklogInterval = TimeSpan.FromSeconds(15);

    // Long enough for an editor's second thoughts.
    static readonly TimeSpan KeepReplaced = TimeSpan.FromDays(30);

    static readonly ActivitySource Activities = new("Zava.EmbeddingWorker");

    // What was paid for is not thrown away because somebody was in the way for a moment.
    static readonly ResiliencePipeline Storing = new ResiliencePipelineBuilder().AddRetry(new()
    {
        ShouldHandle = new PredicateBuilder().Handle<NpgsqlException>(failed => failed.IsTransient && !TakesNothing(failed)),
        MaxRetryAttempts = 5,
        Delay = TimeSpan.FromMilliseconds(200),
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
    }).Build();

    readonly string _model = provider.Model.Name;
    readonly EmbeddingQueue _queue = new(dataSource, provider.Model);
    readonly ProviderClient _client = new(provider, options, health, metrics, TimeProvider.System);
    readonly VectorIndex _index = new(dataSource, provider.Model.Name);
    long? _lookedForMissing;
    long? _lookedAtIndex;
    volatile bool _interrupted;

    // The batch before: its vectors are stored while the provider works on the next.
    Task _storing = Task.CompletedTask;

    // The batch after: it is claimed while the provider works on this one. No batch when nothing waited then.
    Task<Claim?>? _next;

    /// <summary>Takes note that the database has failed, until a look at the queue succeeds.</summary>
    public void Interrupted(string problem)
    {
        _interrupted = true;
        health.Report(_model, $"Embedding with {_model} is interrupted: {problem}. Products wait in the queue; it is tried again every {PollInterval.TotalSeconds:0} s.");
    }

    void Recovered()
    {
        if (_interrupted && _client.Pause == TimeSpan.Zero)
            health.Report(_model, problem: null);
        _interrupted = false;
    }

    /// <summary>Works until it is stopped or the database fails.</summary>
    public async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            await WorkAsync(stoppingToken);
        }
        finally
        {
            // It gives its claim back by itself when it fails.
            await _storing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _storing = Task.CompletedTask;
            await GiveBackNextAsync();
        }
    }

    async Task WorkAsync(CancellationToken stoppingToken)
    {
        // Listening comes before the first look at the queue, or a product added in between would wait for the timer.
        await using var listener = await dataSource.OpenConnectionAsync(stoppingToken);
        await using (var listen = new NpgsqlCommand($"LISTEN {EmbeddingQueue.Channel}", listener))
            await listen.ExecuteNonQueryAsync(stoppingToken);

        var lookedAtBacklog = default(long?);
        while (true)
        {
            if (IsDue(_lookedForMissing, EnqueueMissingInterval))
            {
                if (await _queue.RegisterModelAsync(stoppingToken) == "inactive")
                {
                    health.Report(_model, $"Nothing is embedded with {_model}: another model is active. To change to it, run ./zava embeddings add {_model} {provider.Model.Dimensions}; see docs/embedding-pipeline.md.");
                    await GiveBackNextAsync();
                    await Task.Delay(PollInterval, stoppingToken);
                    continue;
                }
                if (_client.Pause == TimeSpan.Zero && !_interrupted)
                    health.Report(_model, problem: null);
                logger.LogInformation("{Count} products without a current embedding of {Model} were queued", await _queue.EnqueueMissingAsync(stoppingToken), _model);
                await _queue.ForgetReplacedAsync(KeepReplaced, stoppingToken);
                _lookedForMissing = Stopwatch.GetTimestamp();
            }
            if (IsDue(lookedAtBacklog, BacklogInterval))
            {
                metrics.Backlog(_model, await _queue.BacklogAsync(stoppingToken));
                lookedAtBacklog = Stopwatch.GetTimestamp();
            }

            if (_client.Pause is { Ticks: > 0 } pause)
            {
                await GiveBackNextAsync();
                await Task.Delay(pause < PollInterval ? pause : PollInterval, stoppingToken);
                continue;
            }
            if (await ProcessBatchAsync(stoppingToken))
                continue;
            Recovered();
            if (IsDue(_lookedAtIndex, VectorIndexInterval))
            {
                // Before, so that a build that fails is not tried again at once.
                _lookedAtIndex = Stopwatch.GetTimestamp();
                if (await _index.BuildIfItPaysAsync(stoppingToken))
                    logger.LogInformation("The vector index of {Model} was built", _model);
                continue;
            }
            await listener.WaitAsync(PollInterval, stoppingToken);
        }
    }

    static bool IsDue(long? last, TimeSpan interval) => last is not { } before || Stopwatch.GetElapsedTime(before) >= interval;

    /// <summary>Embeds one batch, and claims the next meanwhile. What is left to do when the provider has answered goes on beside the next one.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    async Task<bool> ProcessBatchAsync(CancellationToken stoppingToken)
    {
        var next = _next;
        _next = null;
        var claim = (next is null ? null : await next) ?? await ClaimAsync(stoppingToken);
        if (claim is null)
        {
            await _storing;
            return false;
        }

        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var batch = ProcessAsync(claim, answered, stoppingToken);
        _next = ClaimAsync(stoppingToken);
        await Task.WhenAny(answered.Task, batch);
        var before = _storing;
        _storing = batch;
        await before;
        if (batch.IsCompleted)
            await batch;
        return true;
    }

    /// <summary>Products that are this worker's until the lease ends, which the heartbeat extends.</summary>
    sealed record Claim(Guid Id, List<ClaimedText> Texts, long Started, Heartbeat Heartbeat);

    async Task<Claim?> ClaimAsync(CancellationToken stoppingToken)
    {
        var (id, started) = (Guid.NewGuid(), Stopwatch.GetTimestamp());
        var texts = await _queue.ClaimAsync(id, options.BatchSize, options.Lease, stoppingToken);
        return texts.Count == 0 ? null : new(id, texts, started, new(_queue, id, options.Lease, logger));
    }

    async Task GiveBackNextAsync()
    {
        var next = _next;
        _next = null;
        try
        {
            if (next is not null && await next is { } claim)
                await using (claim.Heartbeat)
                    await GiveBackAsync(claim.Id, reason: null);
        }
        catch (Exception failed) when (failed is NpgsqlException or OperationCanceledException)
        {
            // Then there is nothing to give back, or its lease will end.
        }
    }

    async Task ProcessAsync(Claim claim, TaskCompletionSource answered, CancellationToken stoppingToken)
    {
        var (claimId, claimed, started, heartbeat) = claim;
        using var activity = Activities.StartActivity("embed products");
        activity?.SetTag("zava.products", claimed.Count).SetTag("zava.embedding_model", _model);
        using var spans = new ChangeSpans(Activities, claimed, _model);
        metrics.Claimed(_model, claimed);
        try
        {
            await using (heartbeat)
                await EmbedAsync(claimId, claimed, answered, stoppingToken);
            metrics.Batch(_model, Stopwatch.GetElapsedTime(started));
            Recovered();
        }
        catch (Exception failed)
        {
            activity?.SetStatus(ActivityStatusCode.Error);
            await GiveBackAsync(claimId, failed is OperationCanceledException ? null : $"the worker failed ({failed.GetType().Name})");
            throw;
        }
    }

    async Task EmbedAsync(Guid claimId, List<ClaimedText> claimed, TaskCompletionSource answered, CancellationToken stoppingToken)
    {
        var known = claimed.Where(text => text.Known is not null).ToList();
        if (known.Count > 0)
        {
            await StoreAsync(claimId, [.. known.Select(text => (text, text.Known!))], stoppingToken);
            metrics.Reused(_model, known);
        }

        var embedder = new TextEmbedder(_client, provider.Model, options.RequestCharacters);
        // One text of a store once, however many products have it.
        var wanted = claimed.Where(text => text.Known is null).GroupBy(text => (text.StoreId, text.Text)).Select(same => same.ToList()).ToList();
        for (var from = 0; from < wanted.Count;)
        {
            var part = wanted.GetRange(from, embedder.Fitting(wanted.Skip(from).Select(same => same[0].Text)));
            from += part.Count;
            // No connection is held while the provider works.
            var result = await embedder.EmbedAsync([.. part.Select(same => same[0].Text)], stoppingToken);
            metrics.Tokens(_model, result.Tokens);
            if (from == wanted.Count && result.Down is null)
                answered.SetResult();

            var embedded = part.Zip(result.Vectors).Where(pair => pair.Second is not null).ToList();
            if (embedded.Count > 0)
            {
                await StoreAsync(claimId, [.. embedded.SelectMany(pair => pair.First.Select(text => (text, pair.Second!)))], stoppingToken);
                metrics.Embedded(_model, embedded.Select(pair => pair.First[0]));
                metrics.Reused(_model, embedded.SelectMany(pair => pair.First.Skip(1)));
            }
            var refused = part.Zip(result.Refusals).Where(pair => pair.Second is not null).SelectMany(pair => pair.First.Select(text => (Text: text, Reason: pair.Second!))).ToList();
            if (refused.Count > 0)
                await RefuseAsync(claimId, refused, stoppingToken);
            if (result.Down is not null)
            {
                if (_client.Pause == TimeSpan.Zero)
                    _client.Close(options.Pause, result.Down);
                await _queue.ReleaseAsync(claimId, result.Down, stoppingToken);
                return;
            }
        }
    }

    async Task StoreAsync(Guid claimId, List<(ClaimedText, HalfVector)> embedded, CancellationToken stoppingToken)
    {
        var current = await StoreWhenPossibleAsync();
        logger.LogInformation("Stored {Current} of {Embedded} embeddings of {Model}; the other products were changed meanwhile", current, embedded.Count, _model);

        // Embedding the same texts again and again would be paid for, too.
        async Task<int> StoreWhenPossibleAsync()
        {
            while (true)
                try
                {
                    return await Storing.ExecuteAsync(async token => await _queue.CompleteAsync(claimId, embedded, token), stoppingToken);
                }
                catch (PostgresException refused) when (TakesNothing(refused))
                {
                    dataSource.EndReadOnlySessions(refused);
                    Interrupted(DatabaseProblem.Describe(refused));
                    await Task.Delay(PollInterval, stoppingToken);
                }
        }
    }

    /// <summary>Whether the database answers but keeps nothing, which may last until an operator comes.</summary>
    static bool TakesNothing(NpgsqlException failed) => failed.SqlState is PostgresErrorCodes.DiskFull or PostgresErrorCodes.ReadOnlySqlTransaction;

    async Task RefuseAsync(Guid claimId, List<(ClaimedText Text, string Reason)> refused, CancellationToken stoppingToken)
    {
        var dead = await _queue.RefuseAsync(claimId, refused, options.MaximumAttempts, stoppingToken);
        metrics.Refused(_model, refused.Select(one => one.Text));
        metrics.Dead(_model, dead);
        foreach (var (text, reason) in refused)
            logger.LogWarning("Product {ProductId} of {StoreId} is not embedded with {Model}: {Reason}", text.ProductId, text.StoreId, _model, reason);
        if (dead > 0)
            logger.LogError("{Dead} products became dead letters; ./zava embeddings status lists them, and requeue tries them again", dead);
    }

    // Not with the stopping token: a worker that is stopped should leave its rows to the others at once.
    async Task GiveBackAsync(Guid claimId, string? reason)
    {
        try
        {
            await _queue.ReleaseAsync(claimId, reason, CancellationToken.None);
        }
        catch (NpgsqlException failed)
        {
            logger.LogWarning("A claim could not be given back ({SqlState}); its lease will end", failed.SqlState ?? "no connection");
        }
    }

    public void Dispose() => _client.Dispose();
}
