using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ModelContextProtocol.Server;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;
using Zava.McpServer.Telemetry;

namespace Zava.McpServer.Audit;

/// <summary>
/// Records every tool call, in batches beside the calls, and seals the changes that others recorded.
/// </summary>
/// <remarks>
/// What can be lost: the calls of the last second when the process is killed; and, when the database is away, calls beyond
/// <see cref="Capacity"/>, which are counted (<c>zava.audit.dropped</c>) and logged. A server that is stopped writes all.
/// </remarks>
sealed partial class ToolCallRecorder(NpgsqlDataSource dataSource, DatabaseReadiness database, CallTelemetry telemetry, TimeProvider time, ILogger<ToolCallRecorder> logger)
    : BackgroundService, IHealthCheck
{
    const int Capacity = 10_000;
    const int BatchSize = 500;

    /// <summary>The longest time for which a call is only in memory.</summary>
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>The longest time for which a change is not covered by the chain.</summary>
    static readonly TimeSpan SealInterval = TimeSpan.FromSeconds(10);

    static readonly Meter Meter = new("Zava.McpServer.Audit");
    static readonly Counter<long> Dropped = Meter.CreateCounter<long>("zava.audit.dropped", "{call}", "Tool calls that could not be recorded");
    static readonly Counter<long> Recorded = Meter.CreateCounter<long>("zava.audit.recorded", "{call}", "Tool calls on record");
    static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    readonly List<ToolCallRecord> _pending = [];
    readonly ConcurrentDictionary<string, string> _problems = new(); // by what fails
    readonly Channel<ToolCallRecord> _calls = Channel.CreateBounded<ToolCallRecord>(new BoundedChannelOptions(Capacity) { SingleReader = true });

    /// <summary>Degraded while calls cannot be recorded: they are answered, and wait.</summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        _problems.Values.FirstOrDefault() is { } problem ? HealthCheckResult.Degraded($"Tool calls and changes are not put on record at present: {problem}.") : HealthCheckResult.Healthy());

    /// <summary>Under which name a call is recorded: a tool's own, or what was done with a resource or prompt.</summary>
    public static string NameOf(IMcpServerPrimitive primitive) => primitive switch
    {
        McpServerResource resource => $"resources/read {resource.ProtocolResourceTemplate.Name}",
        McpServerPrompt => $"prompts/get {primitive.Id}",
        _ => primitive.Id,
    };

    /// <summary>Takes note of a call; never waits and never fails.</summary>
    /// <param name="tool">Its name, see <see cref="NameOf"/>.</param>
    /// <param name="caller">Who called; <c>null</c> when the token names nobody.</param>
    /// <param name="storeId">The store that was asked for.</param>
    /// <param name="outcome">One of <see cref="ToolOutcome"/>.</param>
    /// <param name="rows">Rows or items in the answer.</param>
    /// <param name="started">When it began, from <see cref="TimeProvider.GetTimestamp"/>.</param>
    public void Record(string tool, Caller? caller, string? storeId, string outcome, int? rows, long started)
    {
        var elapsed = time.GetElapsedTime(started);
        var call = new ToolCallRecord(
            time.GetUtcNow() - elapsed, tool.Length <= 100 ? tool : tool[..100], caller?.User ?? "", StoreOf(caller, storeId), outcome, rows,
            Math.Round(elapsed.TotalMilliseconds, 3), Activity.Current?.TraceId.ToHexString());
        telemetry.Called(call);
        if (!_calls.Writer.TryWrite(call))
            Drop($"{Capacity} calls already wait for the database");
    }

    // Only a store that the caller may see: the store reads its entries, and must not be told of somebody who only asked.
    static string? StoreOf(Caller? caller, string? asked) => caller switch
    {
        null => null,
        { Stores: { IsEvery: false, Names: [var only] } } => only,
        _ when asked is not null && StoreSet.IsStoreName(asked) && (caller.Stores.IsEvery || caller.Stores.Names.Contains(asked)) => asked,
        _ => null,
    };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // No call is let in before, so there is nothing to write.
        await database.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Interval, time);
        var lastSealed = time.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await FlushAsync();
                if (time.GetElapsedTime(lastSealed) < SealInterval)
                    continue;
                await SealAsync();
                lastSealed = time.GetTimestamp();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The web server, which was started later, has stopped taking calls before this is asked to stop.
            await FlushAsync();
            await SealAsync();
        }
    }

    async Task FlushAsync()
    {
        while (true)
        {
            while (_pending.Count < BatchSize && _calls.Reader.TryRead(out var call))
                _pending.Add(call);
            if (_pending.Count == 0)
                return;
            switch (await TryAsync("SELECT retail.record_tool_calls($1)", _pending))
            {
                case Attempt.Done:
                    _pending.Clear();
                    break;
                case Attempt.Refused:
                    // One of them cannot be written: it must not keep the others.
                    foreach (var call in _pending.ToList())
                    {
                        var attempt = await TryAsync("SELECT retail.record_tool_calls($1)", [call]);
                        if (attempt is Attempt.Failed)
                            return; // with the next tick, as below
                        if (attempt is Attempt.Refused)
                            Drop("the database refuses it");
                        _pending.Remove(call);
                    }
                    break;
                default:
                    return; // with the next tick
            }
        }
    }

    void Drop(string reason)
    {
        Dropped.Add(1);
        LogDropped(reason);
    }

    Task SealAsync() => TryAsync("SELECT retail.seal_audit_log()");

    enum Attempt
    {
        Done,

        /// <summary>The database is away, or not in order: later.</summary>
        Failed,

        /// <summary>What was sent is at fault (SQLSTATE classes 22 and 23): never.</summary>
        Refused,
    }

    // Not cancellable: whether a cancelled statement took effect cannot be known, and a call must not be recorded twice.
    async Task<Attempt> TryAsync(string sql, List<ToolCallRecord>? calls = null)
    {
        try
        {
            await using var command = dataSource.CreateCommand(sql);
            command.CommandTimeout = 10;
            if (calls is not null)
                command.Parameters.Add(new() { Value = JsonSerializer.Serialize(calls, Json), NpgsqlDbType = NpgsqlDbType.Jsonb });
            await command.ExecuteNonQueryAsync();
            Recorded.Add(calls?.Count ?? 0);
            if (_problems.TryRemove(sql, out _))
                LogGoesOn();
            return Attempt.Done;
        }
        catch (PostgresException refused) when (refused.SqlState.StartsWith("22", StringComparison.Ordinal) || refused.SqlState.StartsWith("23", StringComparison.Ordinal))
        {
            return Attempt.Refused;
        }
        catch (NpgsqlException failed)
        {
            dataSource.EndReadOnlySessions(failed);
            // Once, not with each tick: it may take the operator a while.
            if (DatabaseProblem.Describe(failed) is var problem && !(_problems.TryGetValue(sql, out var known) && known == problem))
                LogFailed(problem, _pending.Count);
            _problems[sql] = problem;
            return Attempt.Failed;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A tool call was not recorded: {Reason}")]
    private partial void LogDropped(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Tool calls or changes could not be recorded yet, because {Problem}; {Pending} calls wait")]
    private partial void LogFailed(string problem, int pending);

    [LoggerMessage(Level = LogLevel.Information, Message = "Tool calls or changes are recorded again")]
    private partial void LogGoesOn();
}
