using Npgsql;
using Zava.Database;

namespace Zava.McpServer.Operations;

/// <summary>The monitoring views, for callers of every store where the server has the login <c>zava_ops</c>.</summary>
sealed class MonitoringView(OperationsReader reader)
{
    const int Rows = 12;

    public async Task<Html> DrawAsync(Caller caller, CancellationToken cancellationToken)
    {
        if (!caller.Stores.IsEvery)
            return Html.Of($"<p>They are about all stores, and this token is not for every store.</p>");
        if (!reader.SeesAll(caller))
            return Html.Of($"<p>Only the login zava_ops may read them: give the server its connection string as <code>ConnectionStrings:{OperatorDatabase.ConnectionName}</code>.</p>");
        return Html.Of($"""
            <h3>Slow statements</h3>
            {await TableAsync("Slow statements", ["Statement", "#Calls", "#Mean ms", "#Longest ms", "#From cache"], $"""
                SELECT left(query, 200), to_char(calls, 'FM999G999G990'), to_char(mean_exec_time, 'FM999G990.0'), to_char(max_exec_time, 'FM999G990.0'), to_char(hit_percent, 'FM990.0" %"')
                  FROM retail.slow_queries LIMIT {Rows}
                """, cancellationToken)}
            <h3>Tables</h3>
            {await TableAsync("Tables", ["Table", "#Size", "#Rows", "#Dead rows", "Vacuumed (UTC)"], $"""
                SELECT tablename::text, size, to_char(live_tuples, 'FM999G999G990'), to_char(dead_tuples, 'FM999G999G990'), to_char(last_vacuum AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                  FROM retail.table_stats LIMIT {Rows}
                """, cancellationToken)}
            <h3>Indexes</h3>
            {await TableAsync("Indexes", ["Index", "Table", "#Size", "#Scans", "Valid"], $"""
                SELECT indexname::text, tablename::text, size, to_char(idx_scan, 'FM999G999G990'), CASE WHEN is_valid THEN 'yes' ELSE 'no' END
                  FROM retail.index_usage LIMIT {Rows}
                """, cancellationToken)}
            """);
    }

    async Task<Html> TableAsync(string name, string[] columns, string sql, CancellationToken cancellationToken)
    {
        try
        {
            var rows = await reader.ReadViewAsync(sql, cancellationToken);
            return Layout.Table(name, columns, rows.Select(row => row.Select(cell => Html.Of($"{cell}")).ToArray()));
        }
        catch (PostgresException unrecorded) when (unrecorded.SqlState == PostgresErrorCodes.ObjectNotInPrerequisiteState)
        {
            return Html.Of($"<p>{unrecorded.MessageText}.</p>");
        }
    }
}
