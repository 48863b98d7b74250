using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using OpenTelemetry;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Traces and logs say what ran and for how long, not what was asked, by whom, or with which token.</summary>
public sealed class TelemetryTests(DatabaseTemplate template)
{
    [Fact]
    public async Task Nothing_that_a_caller_wrote_is_in_a_trace_or_a_log()
    {
        var exported = new RecordingExporter();
        await using var database = await template.CreateDatabaseAsync();
        await using var server = await RunningServer.StartAsync(database, new SimpleActivityExportProcessor(exported));
        var token = server.TokenOf("seattle-manager");
        await using (var client = await server.ConnectAsync(token))
            foreach (var (tool, arguments) in ((string, Dictionary<string, object?>)[])
            [
                ("execute_sales_query", new() { ["sql"] = "SELECT 'TELLTALE' AS telltale" }),
                ("execute_sales_query", new() { ["sql"] = "SELECT 'TELLTALE'::integer" }),
                ("execute_sales_query", new() { ["sql"] = "SELECT TELLTALE" }),
                ("semantic_search_products", new() { ["query"] = "TELLTALE shoes" }),
                ("get_product", new() { ["sku"] = "TELLTALE" }),
                ("get_product", new() { ["sku"] = "x", ["store_id"] = "TELLTALE" }),
            ])
                await client.CallToolAsync(tool, arguments, cancellationToken: TestContext.Current.CancellationToken);

        var told = string.Join('\n', [.. exported.Spans, .. server.Log.Entries]);
        // It is the right place to look.
        Assert.Contains("tools/call execute_sales_query", told);
        Assert.Contains("db.npgsql.data_source=retail_query", told);
        Assert.DoesNotContain("TELLTALE", told, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("seattle.manager@zava.example", told);
        Assert.DoesNotContain(token, told);
        Assert.DoesNotContain("Password", told);
    }

    sealed class RecordingExporter : BaseExporter<Activity>
    {
        public ConcurrentQueue<string> Spans { get; } = new();

        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (var span in batch)
                Spans.Enqueue(Describe(span));
            return ExportResult.Success;
        }
    }

    static string Describe(Activity span)
    {
        var text = new StringBuilder($"{span.Source.Name} {span.DisplayName} {span.StatusDescription}");
        foreach (var (key, value) in span.TagObjects)
            text.Append($" {key}={value}");
        foreach (var happened in span.Events)
            foreach (var (key, value) in happened.Tags)
                text.Append($" {happened.Name}.{key}={value}");
        return text.ToString();
    }
}
