using System.Diagnostics;
using Npgsql;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Standalone;

/// <summary>A stop signal at any moment of ./zava up leaves no process, and a database that starts again.</summary>
public sealed class InterruptedStartTests
{
    [Fact]
    public async Task Whenever_it_is_stopped_nothing_runs_on_and_the_next_start_succeeds()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var folder = new PrivateFolder("test-interrupted");
        // At once, while initdb runs, PostgreSQL starts, the schema is made, data is loaded, and products are embedded.
        foreach (var (signal, after) in ((string, double)[])[("TERM", 0.3), ("INT", 1.5), ("TERM", 3), ("INT", 4.5), ("TERM", 7), ("INT", 10)])
        {
            using var program = Start(folder.Path);
            await Task.Delay(TimeSpan.FromSeconds(after), TestContext.Current.CancellationToken);
            using (var kill = Process.Start("kill", [$"-{signal}", program.Id.ToString()]))
                await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(60));
            await program.WaitForExitAsync(patience.Token);
            await Eventually.EqualAsync("", () => Task.FromResult(string.Join('\n', ProcessesOf(folder.Path))));
        }

        await using var postgres = await PrivatePostgres.StartAsync(Path.Combine(folder.Path, "postgres"), [], TestContext.Current.CancellationToken);
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.AdministratorConnectionString) { Database = "retail_db", Pooling = false });
        await using var count = source.CreateCommand("SELECT count(*) FROM retail.sales_transactions");
        // Loaded whole or not at all.
        Assert.True(await count.ExecuteScalarAsync(TestContext.Current.CancellationToken) is 0L or 5000L);
    }

    static Process Start(string home)
    {
        // A shell starts what runs in its background with SIGINT ignored, children inherit it, and .NET keeps to it; the tests may run there.
        string[] heard = OperatingSystem.IsLinux() ? ["env", "--default-signal=INT"] : ["env"];
        var start = new ProcessStartInfo(heard[0], [.. heard[1..], "dotnet", Path.Combine(AppContext.BaseDirectory, "Zava.Standalone.dll"), "--as-of", "2026-03-31"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["ZAVA_HOME"] = home, ["ZAVA_PORT"] = LoopbackPort.Free().ToString() },
        };
        var process = Process.Start(start)!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    // Whatever has the folder, or the one that takes its place, on its command line.
    static IEnumerable<string> ProcessesOf(string folder)
    {
        string[] names = [folder, PrivateFolder.Elsewhere(Path.Combine(folder, "postgres"))];
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(name => int.TryParse(Path.GetFileName(name), out _)))
        {
            string line;
            try
            {
                line = File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ');
            }
            catch (IOException)
            {
                continue; // It ended while it was looked at.
            }
            if (names.Any(line.Contains))
                yield return line;
        }
    }
}
