using System.Diagnostics;
using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Seeding;

/// <summary>The seeder as an orchestrator runs it: a process with settings in its environment and an exit code.</summary>
public sealed class SeederProcessTests(DatabaseTemplate template)
{
    [Fact]
    public async Task It_makes_the_database_once_and_says_so_and_fails_with_a_reason()
    {
        await using var database = await template.CreateDatabaseAsync();
        await database.ExecuteAsync("DROP SCHEMA retail CASCADE");
        Dictionary<string, string> settings = new()
        {
            ["ConnectionStrings__retail_db"] = database.AdministratorConnectionString,
            ["Database__Passwords__mcp_user"] = PasswordOf(DatabaseRole.Application),
            ["Database__Passwords__zava_worker"] = PasswordOf(DatabaseRole.Worker),
            ["Database__Passwords__zava_seeder"] = PasswordOf(DatabaseRole.Seeder),
            ["Database__ContextKey__Id"] = database.Key.Id,
            ["Database__ContextKey__Secret"] = Convert.ToBase64String(database.Key.Secret),
        };

        var (migrated, output) = await RunAsync(settings, "--no-sample-data");
        Assert.True(migrated == 0, output);
        Assert.Equal(0L, await database.ScalarAsync<long>("SELECT count(*) FROM retail.products"));

        var (loaded, loading) = await RunAsync(settings, "--as-of", "2026-03-31");
        Assert.True(loaded == 0, loading);
        Assert.Contains("Schema is current.", loading);
        Assert.Contains("Sample data loaded: ", loading);
        Assert.Equal(500L, await database.ScalarAsync<long>("SELECT count(*) FROM retail.products"));

        await Eventually.EqualAsync(true, () => database.ScalarAsync<bool>("SELECT retail.seal_audit_log() > 0"));
        var (whole, verified) = await RunAsync(settings, "audit", "verify");
        Assert.True(whole == 0, verified);
        Assert.Contains("The audit log is as it was written.", verified);
        await database.ExecuteAsync("SET session_replication_role = replica; UPDATE retail.audit_log SET acting_user = 'x' WHERE log_number = 1; RESET session_replication_role");
        var (tampered, found) = await RunAsync(settings, "audit", "verify");
        Assert.Equal(1, tampered);
        Assert.Contains("Batch 1 (changes): an entry or the batch itself was changed.", found);

        // A read that is under way is not disturbed by a seeder that has nothing to do.
        await using var reader = await database.As(null).OpenConnectionAsync(TestContext.Current.CancellationToken);
        await reader.ExecuteAsync("BEGIN");
        await reader.ScalarAsync("SELECT count(*) FROM retail.products");
        Assert.Contains("nothing changed", (await RunAsync(settings)).Output);
        await reader.ExecuteAsync("ROLLBACK");

        settings["Database__ContextKey__Secret"] = "short";
        var (refused, reason) = await RunAsync(settings);
        Assert.Equal(1, refused);
        Assert.Contains("Database:ContextKey:Secret must be", reason);

        // No secret is in what it wrote.
        foreach (var secret in settings.Where(setting => setting.Key.Contains("Passwords")))
            Assert.DoesNotContain(secret.Value, output + loading + reason);

        string PasswordOf(string login) => new NpgsqlConnectionStringBuilder(database.ConnectionString(login)).Password!;
    }

    static async Task<(int ExitCode, string Output)> RunAsync(Dictionary<string, string> settings, params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Zava.Seeder.dll"), .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in settings)
            start.Environment[key] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }
}
