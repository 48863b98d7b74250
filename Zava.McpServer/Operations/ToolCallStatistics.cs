namespace Zava.McpServer.Operations;

/// <summary>The tool calls of the last quarter of an hour, from the record of them: those of all servers, in the caller's stores.</summary>
/// <param name="Slots">Of fifteen seconds each, oldest first.</param>
/// <param name="Tools">One for each tool that was called, most called first.</param>
sealed record ToolCallStatistics(IReadOnlyList<ToolCallStatistics.Slot> Slots, IReadOnlyList<ToolCallStatistics.Tool> Tools)
{
    public const int SlotSeconds = 15, SlotCount = 60;

    /// <param name="Errors">What did not end with <c>ok</c>.</param>
    public sealed record Slot(long Calls, long Errors, double? MedianMs, double? P95Ms);

    public sealed record Tool(string Name, long Calls, long Refused, long Forbidden, long Cancelled, long Faults, double MedianMs, double P95Ms, double P99Ms);

    const string Recent = """
          FROM retail.tool_calls
         WHERE (store_id = ANY ($1) OR store_id IS NULL) AND called_at > statement_timestamp() - interval '15 minutes'
        """;

    public static async Task<ToolCallStatistics> ReadAsync(OperationsReader reader, Caller caller, CancellationToken cancellationToken)
    {
        var slots = await reader.OfCallerAsync(caller, $"""
            SELECT floor(extract(epoch FROM statement_timestamp() - called_at) / {SlotSeconds})::int, count(*), count(*) FILTER (WHERE outcome <> 'ok'),
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms), percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms)
            {Recent}
             GROUP BY 1
            """, row => (Ago: row.GetInt32(0), Slot: new Slot(row.GetInt64(1), row.GetInt64(2), row.GetDouble(3), row.GetDouble(4))), cancellationToken);
        var tools = await reader.OfCallerAsync(caller, $"""
            SELECT tool, count(*), count(*) FILTER (WHERE outcome = 'refused'), count(*) FILTER (WHERE outcome = 'forbidden'),
                   count(*) FILTER (WHERE outcome = 'cancelled'), count(*) FILTER (WHERE outcome = 'fault'),
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms), percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms),
                   percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ms)
            {Recent}
             GROUP BY tool ORDER BY count(*) DESC, tool LIMIT 50
            """,
            row => new Tool(
                row.GetString(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5), row.GetDouble(6), row.GetDouble(7), row.GetDouble(8)),
            cancellationToken);
        var none = new Slot(0, 0, null, null);
        var byAge = slots.ToDictionary(slot => slot.Ago, slot => slot.Slot);
        return new([.. Enumerable.Range(0, SlotCount).Reverse().Select(ago => byAge.GetValueOrDefault(ago, none))], tools);
    }
}
