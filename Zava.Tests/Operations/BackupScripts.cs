using System.Diagnostics;
using System.Security.Cryptography;
using Npgsql;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Operations;

/// <summary>Runs the scripts as an operator does, against a test's database.</summary>
sealed class BackupScripts(TestDatabase database, DirectoryInfo folder)
{
    public async Task<string> BackupAsync(params (string Name, string Value)[] environment)
    {
        var (exitCode, said) = await RunAsync("backup_database.sh", environment, []);
        Assert.True(exitCode == 0, said);
        return said.Trim().Split('\n')[^1];
    }

    public async Task RestoreAsync(params string[] arguments)
    {
        var (exitCode, said) = await RunAsync("restore_database.sh", arguments);
        Assert.True(exitCode == 0, said);
        // Its sessions have been ended.
        database.As(null).Clear();
    }

    public Task<(int ExitCode, string Said)> RunAsync(string script, params string[] arguments) => RunAsync(script, [], arguments);

    async Task<(int ExitCode, string Said)> RunAsync(string script, (string Name, string Value)[] environment, string[] arguments)
    {
        var administrator = new NpgsqlConnectionStringBuilder(database.AdministratorConnectionString);
        var start = new ProcessStartInfo("bash", [Path.Combine(Repository.Root, "scripts", script), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["POSTGRES_HOST"] = administrator.Host,
                ["POSTGRES_PORT"] = administrator.Port.ToString(),
                ["POSTGRES_USER"] = administrator.Username,
                ["POSTGRES_PASSWORD"] = administrator.Password,
                ["POSTGRES_DB"] = database.Name,
                ["BACKUP_DIR"] = folder.FullName,
            },
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        start.Environment["PATH"] = $"{await MakeAzAsync()}:{start.Environment["PATH"]}";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain(administrator.Password!, await error + output);
        return (process.ExitCode, await error + output);
    }

    // The Azure CLI is not here; this notes what it would have been asked, and knows one old backup.
    async Task<string> MakeAzAsync()
    {
        var bin = folder.CreateSubdirectory("bin").FullName;
        var az = Path.Combine(bin, "az");
        await File.WriteAllTextAsync(az, $$"""
            #!/bin/sh
            echo "$*" >> {{folder.FullName}}/az.log
            [ -z "$AZURE_STORAGE_ACCOUNT$AZURE_STORAGE_KEY" ] || echo "environment has account and key" >> {{folder.FullName}}/az.log
            [ "$3" != list ] || echo retail_backup_old.dump
            """, TestContext.Current.CancellationToken);
        File.SetUnixFileMode(az, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return bin;
    }

    public Task<string> DatabasesAsync() => database.ScalarAsync<string>(
        $"SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE '{database.Name}%' AND datname ~ '^{database.Name}($|_)'");

    public async Task DropKeptAsync()
    {
        foreach (var name in (await DatabasesAsync()).Split(' ').Where(name => name.Contains("_before_")))
            await database.ExecuteAsync($"DROP DATABASE {name}");
    }

    /// <summary>All that a dump holds, as SQL.</summary>
    public async Task<string> TextOfAsync(string file)
    {
        var start = new ProcessStartInfo("pg_restore", ["--file=-", file]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        return await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    public static async Task DamageAsync(string file, string damage)
    {
        var sums = Path.ChangeExtension(file, "sha256");
        var manifest = Path.ChangeExtension(file, "manifest");
        var bytes = await File.ReadAllBytesAsync(file);
        switch (damage)
        {
            case "truncated":
                await File.WriteAllBytesAsync(file, bytes[..(bytes.Length / 2)]);
                break;
            case "one byte changed":
                bytes[bytes.Length / 2] ^= 1;
                await File.WriteAllBytesAsync(file, bytes);
                break;
            case "wrong sum":
                var text = await File.ReadAllTextAsync(sums);
                await File.WriteAllTextAsync(sums, (text[0] == '0' ? '1' : '0') + text[1..]);
                break;
            case "no sums":
                File.Delete(sums);
                break;
            case "sum of the dump left out":
                await File.WriteAllLinesAsync(sums, (await File.ReadAllLinesAsync(sums)).Skip(1));
                break;
            case "no roles":
                File.Delete(Path.ChangeExtension(file, "roles.sql"));
                break;
            case "rows missing": // with sums that fit: only the comparison of tables finds it
                var lines = (await File.ReadAllTextAsync(manifest)).Replace("table stores 4 ", "table stores 5 ");
                await File.WriteAllTextAsync(manifest, lines);
                await File.WriteAllLinesAsync(sums, (await File.ReadAllLinesAsync(sums)).Select(line => !line.EndsWith(".manifest") ? line
                    : $"{Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(lines)))}  {Path.GetFileName(manifest)}"));
                break;
            default:
                throw new ArgumentException($"no damage '{damage}'", nameof(damage));
        }
    }
}
