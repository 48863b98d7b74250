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
    /// <param name="Heap">Managed memory after each tenth of the requests, collected, and after the first and last when it has been quiet for a while, in MB.</param>
    /// <param name="Resident">Memory of the process then, in MB.</param>
    public sealed record Report(
        int Requests, IReadOnlyDictionary<int, int> Statuses, IReadOnlyList<string> Faults, IReadOnlyList<double> Heap, IReadOnlyList<double> Resident)
    {
        /// <summary>Whether neither grew by more than a quarter and what a collector may hold on to.</summary>
        public bool IsFlat => Heap[^1] <= Heap[0] * 1.25 + 10 && Resident[^1] <= Resident[0] * 1.25 + 100;
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

        var parts = new List<Fuzz.Report>();
        var memory = new List<(double Heap, double Resident)>();
        for (var tenth = 0; tenth < 10; tenth++)
        {
            var before = tenth * (requests / 10);
            parts.Add(await Fuzz.RunAsync(address, token, requests / 10, seed: tenth + 1, done => report(before + done), cancellationToken));
            // Shared pools of arrays give back what has not been used for a minute; what is still there then is held.
            if (tenth is 0 or 9)
                await Task.Delay(TimeSpan.FromSeconds(75), cancellationToken);
            memory.Add(Memory());
        }
        await server.StopAsync(cancellationToken);
        folder.Delete(recursive: true);
        return new(
            parts.Sum(part => part.Requests),
            parts.SelectMany(part => part.Statuses).GroupBy(pair => pair.Key, pair => pair.Value).OrderBy(status => status.Key).ToDictionary(status => status.Key, status => status.Sum()),
            [.. parts.SelectMany(part => part.Faults)], [.. memory.Select(at => at.Heap)], [.. memory.Select(at => at.Resident)]);
    }

    static (double Heap, double Resident) Memory()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        using var self = Process.GetCurrentProcess();
        return (GC.GetTotalMemory(forceFullCollection: true) / 1e6, self.WorkingSet64 / 1e6);
    }
}
