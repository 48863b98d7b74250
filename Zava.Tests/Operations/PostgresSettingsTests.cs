using System.Diagnostics;
using Npgsql;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Operations;

/// <summary>The settings that the container and the private cluster share (postgresql-settings.sh).</summary>
public sealed class PostgresSettingsTests
{
    [Fact]
    public async Task A_cluster_starts_with_every_setting_in_force()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var folder = new PrivateFolder("test-settings");
        await using var postgres = await PrivatePostgres.StartAsync(folder.Path, [], TestContext.Current.CancellationToken);
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.AdministratorConnectionString) { Pooling = false });
        await using var connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);

        // Nothing that PostgreSQL does not know, and nothing that is not applied. The command line wins for the port and the like.
        Assert.Equal(0L, await connection.ScalarAsync("SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL"));
        var printed = (await PrintAsync(null)).Split('\n').Select(line => line.Split(" = ", 2)).Where(pair => pair is [var name, _] && name[0] != '#').ToArray();
        Assert.True(printed.Length > 20);
        foreach (var pair in printed)
        {
            var expected = pair[1].Trim('\'');
            var actual = (string)(await connection.ScalarAsync("SELECT current_setting($1)", pair[0]))!;
            Assert.True(actual == expected || await SameSizeAsync(connection, expected, actual), $"{pair[0]} is {actual}, not {expected}");
        }
        Assert.Equal("zava.conf", Path.GetFileName((string)(await connection.ScalarAsync("SELECT sourcefile FROM pg_settings WHERE name = 'work_mem'"))!));
        await connection.ExecuteAsync("CREATE EXTENSION pg_stat_statements; SELECT count(*) FROM pg_stat_statements");
    }

    [Theory]
    // What a server of a gigabyte has in the original design, but for maintenance_work_mem, 64 MB there.
    [InlineData("1024", "shared_buffers = 256MB", "effective_cache_size = 768MB", "work_mem = 4MB", "maintenance_work_mem = 128MB")]
    [InlineData("65536", "shared_buffers = 16384MB", "effective_cache_size = 49152MB", "work_mem = 64MB", "maintenance_work_mem = 2048MB")]
    [InlineData("128", "shared_buffers = 32MB", "effective_cache_size = 96MB", "work_mem = 4MB", "maintenance_work_mem = 64MB")]
    public async Task Memory_settings_follow_from_the_memory(string megabytes, params string[] expected)
    {
        var printed = (await PrintAsync(megabytes)).Split('\n');
        Assert.All(expected, line => Assert.Contains(line, printed));
    }

    [Theory]
    [InlineData("127")]
    [InlineData("8GB")]
    [InlineData("-1")]
    public async Task A_wrong_size_is_refused_by_name(string megabytes) => Assert.Equal(
        $"ZAVA_POSTGRES_MEMORY must be a number of megabytes from 128, not '{megabytes}'.\n",
        await PrintAsync(megabytes));

    static async Task<bool> SameSizeAsync(NpgsqlConnection connection, string expected, string actual) =>
        expected.EndsWith('B') && true.Equals(await connection.ScalarAsync("SELECT pg_size_bytes($1) = pg_size_bytes($2)", expected, actual));

    static async Task<string> PrintAsync(string? megabytes)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(AppContext.BaseDirectory, "postgresql-settings.sh"), "/data"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (megabytes is not null)
            start.Environment["ZAVA_POSTGRES_MEMORY"] = megabytes;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        return await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken) + await error;
    }
}
