using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Zava.Database;
using Zava.McpServer;
using Zava.McpServer.Identity;

namespace Zava.Benchmarks;

/// <summary><see cref="Fuzz"/> at length, against a server in this process, whose memory must not grow.</summary>
static class FuzzSoak
{
    /// <param name="Requests">That were sent.</param>
    /// <param name="Statuses">How many were answered with which status.</param>
    /// <param name="Faults">What must not be.</param>
    /// <param name="HeapAtTenth">Managed memory after a tenth of the requests, collected, in MB.</param>
    /// <param name="HeapAtEnd">And at the end.</param>
    /// <param name="ResidentAtTenth">Memory of the process, in MB.</param>
    /// <param name="ResidentAtEnd">And at the end.</param>
    public sealed record Report(
        int Requests, IReadOnlyDictionary<int, int> Statuses, IReadOnlyList<string> Faults, double HeapAtTenth, double HeapAtEnd, double ResidentAtTenth, double ResidentAtEnd)
    {
        /// <summary>Whether neither grew by more than a quarter and what a collector may hold on to.</summary>
        public bool IsFlat => HeapAtEnd <= HeapAtTenth * 1.25 + 10 && ResidentAtEnd <= ResidentAtTenth * 1.25 + 100;
    }

    public static async Task<Report> RunAsync(BenchmarkDatabase database, int requests, Action<int> report, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("zava-bench-");
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Development", ApplicationName = "Zava.McpServer", ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:retail_db"] = database.ConnectionString(DatabaseRole.Application),
            ["Database:ContextKey:Id"] = database.Key.Id,
            ["Database:ContextKey:Secret"] = Convert.ToBase64String(database.Key.Secret),
            ["Identity:DevelopmentFolder"] = folder.FullName,
            ["Limits:RequestsPerMinute"] = "1000000",
        });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var server = builder.BuildZavaMcpServer();
        await server.StartAsync(cancellationToken);
        var (address, token) = (new Uri(new Uri(server.Urls.First()), "/mcp"), server.Services.GetRequiredService<DevelopmentIssuer>().Issue(Persona.All.Single(persona => persona.Name == "head-office")));

        var first = await Fuzz.RunAsync(address, token, requests / 10, seed: 1, report, cancellationToken);
        var (heapAtTenth, residentAtTenth) = Memory();
        var rest = await Fuzz.RunAsync(address, token, requests - (requests / 10), seed: 2, done => report((requests / 10) + done), cancellationToken);
        var (heapAtEnd, residentAtEnd) = Memory();
        await server.StopAsync(cancellationToken);
        folder.Delete(recursive: true);
        return new(
            first.Requests + rest.Requests,
            first.Statuses.Concat(rest.Statuses).GroupBy(pair => pair.Key, pair => pair.Value).OrderBy(status => status.Key).ToDictionary(status => status.Key, status => status.Sum()),
            [.. first.Faults, .. rest.Faults], heapAtTenth, heapAtEnd, residentAtTenth, residentAtEnd);
    }

    static (double Heap, double Resident) Memory()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        using var self = Process.GetCurrentProcess();
        return (GC.GetTotalMemory(forceFullCollection: true) / 1e6, self.WorkingSet64 / 1e6);
    }
}
