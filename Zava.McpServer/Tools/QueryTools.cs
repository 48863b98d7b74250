using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using Zava.Database;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Tools;

/// <summary>SQL of the caller's own.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.SalesSql)]
public sealed class QueryTools(QueryDatabase database)
{
    public sealed record QueryResult(
        IReadOnlyList<QueryColumn> Columns,
        [property: Description("Values in the order of the columns")] IReadOnlyList<object?[]> Rows,
        int RowCount,
        [property: Description("True when the query has more rows than are given here")] bool Truncated,
        [property: Description("What to do about what is missing, when something is")] string? Note);

    public sealed record QueryColumn(string Name, [property: Description("PostgreSQL type")] string Type);

    [McpServerTool(Name = "execute_sales_query", Title = "Run a SQL query", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("""
        Runs one read-only PostgreSQL query (SELECT, VALUES or WITH) on sales, products, stores and customers. You see the rows of
        your store or stores, whatever the SQL says. Look at get_multiple_table_schemas first. Customers are in customers_masked,
        without names and addresses. Sum and group in SQL rather than fetching rows.
        Example: SELECT date_trunc('month', transaction_date AT TIME ZONE 'America/Los_Angeles') AS month, sum(total_amount)
        FROM sales_transactions GROUP BY 1 ORDER BY 1
        """)]
    public async Task<QueryResult> ExecuteAsync(
        [Description("One query; no second statement, nothing that writes"), StringLength(20_000, MinimumLength = 1)] string sql,
        [Description("Run it for this store, such as seattle. Needed when you may see several stores by name; left out: your one store, or all for head office."), StringLength(50, MinimumLength = 1)] string? store_id = null,
        [Description("How many rows at most, 1 to 1000"), Range(1, 1000)] int max_rows = 100,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        var caller = Caller.Require(user);
        var context = caller.For("execute_sales_query", store_id);
        if (!context.Stores.IsEvery && context.Stores.Names.Count > 1)
            throw new McpException($"store_id: it must be given, because a query runs for one store. Allowed: {string.Join(", ", context.Stores.Names)}.");
        var answer = await database.RunAsync(context, caller.Stores.IsEvery, sql, max_rows, cancellationToken);
        return new(
            [.. answer.Columns.Select(column => new QueryColumn(column.Name, column.Type))],
            answer.Rows,
            answer.Rows.Count,
            answer.TruncatedBy is not null,
            Note(answer, max_rows));
    }

    static string? Note(QueryAnswer answer, int maximumRows)
    {
        var notes = new List<string>();
        if (answer.TruncatedBy == "rows")
            notes.Add($"There are more than {maximumRows} rows: aggregate, filter, or raise max_rows.");
        if (answer.TruncatedBy == "size")
            notes.Add("The answer was cut because it is too large: select fewer columns or aggregate.");
        if (answer.ShortenedValues > 0)
            notes.Add($"{answer.ShortenedValues} long values end with … because they were cut.");
        return notes.Count == 0 ? null : string.Join(' ', notes);
    }
}
