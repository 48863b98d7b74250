using System.Diagnostics;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Standalone;

/// <summary>./zava leaves the build out only when it would make the same program again.</summary>
public sealed class UpToDateTests : IDisposable
{
    // Programs of ./zava are found by their name; this one needs nothing but a compiler.
    const string Program = "Zava.Benchmarks";

    readonly DirectoryInfo _clone = Directory.CreateTempSubdirectory("zava-clone-");

    public UpToDateTests()
    {
        foreach (var file in (string[])["zava", "eng/up-to-date.sh"])
            Write(file, File.ReadAllText(Path.Combine(Repository.Root, file)));
        Write(".zava/feed.props", "<Project><PropertyGroup><UseAspire>false</UseAspire></PropertyGroup></Project>");
        Write($"{Program}/{Program}.csproj", """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType><UseAppHost>false</UseAppHost></PropertyGroup>
              <Import Project="../.zava/feed.props" />
            </Project>
            """);
        Write($"{Program}/Program.cs", "System.Console.WriteLine(\"It says 1.\");");
        Write("Zava.Database/Migrations/0001.sql", "SELECT 1");
    }

    public void Dispose() => _clone.Delete(recursive: true);

    [Fact]
    public async Task A_second_start_builds_nothing_and_an_edit_is_in_the_next()
    {
        Assert.Contains("Building", await StartAsync(says: 1));
        Assert.DoesNotContain("Building", await StartAsync(says: 1));

        // As old as it was, and as long, like a file that tar or rsync brings.
        var file = Path.Combine(_clone.FullName, Program, "Program.cs");
        var time = File.GetLastWriteTimeUtc(file);
        File.WriteAllText(file, File.ReadAllText(file).Replace('1', '2'));
        Assert.Contains("Building", await StartAsync(says: 2));
        Assert.DoesNotContain("Building", await StartAsync(says: 2));
        File.WriteAllText(file, File.ReadAllText(file).Replace('2', '3'));
        File.SetLastWriteTimeUtc(file, time);
        Assert.Contains("Building", await BashAsync("./zava docs"));

        File.WriteAllText(file, "No program.");
        Assert.Contains("does not build", await BashAsync("./zava docs || true"));
        Assert.Contains("does not build", await BashAsync("./zava docs || true"));
    }

    [Theory]
    [InlineData("echo '// 2' >> Zava.Benchmarks/Program.cs")]
    [InlineData("touch -r Zava.Benchmarks/Program.cs old; echo 'System.Console.WriteLine(\"It says 2.\");' | head -c -1 > Zava.Benchmarks/Program.cs; touch -r old Zava.Benchmarks/Program.cs; rm old")]
    [InlineData("touch -d 2001-01-01 other; mv other Zava.Benchmarks/Program.cs")]
    [InlineData("touch -d 2001-01-01 Zava.Benchmarks/Added.cs")]
    [InlineData("rm Zava.Benchmarks/Program.cs")]
    [InlineData("mv Zava.Benchmarks/Program.cs Zava.Benchmarks/Renamed.cs")]
    [InlineData("rm Zava.Database/Migrations/0001.sql")]
    [InlineData("echo >> Zava.Benchmarks/Zava.Benchmarks.csproj")]
    [InlineData("touch Zava.Benchmarks/Zava.Benchmarks.csproj.user")]
    [InlineData("touch Directory.Build.props")]
    [InlineData("echo {} > global.json")]
    [InlineData("touch .editorconfig")]
    [InlineData("touch eng/asset.css")]
    [InlineData("ln -s ../zava eng/link")]
    [InlineData("echo >> zava")]
    [InlineData("echo >> .zava/feed.props")]
    [InlineData("rm .zava/feed.props")]
    [InlineData("export UseAspire=true")]
    [InlineData("dotnet() { echo 10.0.999; }")]
    [InlineData("git init -q . && git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m a")]
    [InlineData("rm Zava.Benchmarks/bin/Release/program.dll")]
    [InlineData("echo >> Zava.Benchmarks/bin/Release/program.dll")]
    [InlineData("rm -r Zava.Benchmarks/bin")]
    [InlineData("find() { return 1; }")]
    public async Task After_a_change_there_is_a_build(string change) => Assert.Equal("current stale", await LookAsync(change));

    [Theory]
    [InlineData("true")]
    [InlineData("cat Zava.Benchmarks/Program.cs > /dev/null")]
    [InlineData("mkdir -p .zava/postgres Zava.Database/obj && touch .zava/postgres/log Zava.Database/obj/made Zava.Benchmarks/bin/other")]
    public async Task What_no_build_reads_makes_none(string change) => Assert.Equal("current current", await LookAsync(change));

    [Theory]
    [InlineData("remember_build Zava.Benchmarks false || true", "stale")]
    [InlineData("remember_build Zava.Benchmarks touch Zava.Benchmarks/Edited.cs", "stale")]
    [InlineData("remember_build Zava.Benchmarks touch Zava.Benchmarks/bin/Release/program.dll", "current")]
    public async Task Only_a_build_that_succeeds_counts_and_only_with_what_was_there_before_it(string build, string expected) =>
        Assert.Equal($"current {expected}", await LookAsync(build));

    async Task<string> StartAsync(int says)
    {
        var output = await BashAsync("./zava docs");
        Assert.Contains($"It says {says}.", output);
        return output;
    }

    // Here the program is a file, and a build that does nothing makes it.
    async Task<string> LookAsync(string change)
    {
        var output = await BashAsync($$"""
            set -euo pipefail
            source eng/up-to-date.sh
            look() { if is_up_to_date {{Program}}; then echo current; else echo stale; fi; }
            mkdir -p {{Program}}/bin/Release && touch {{Program}}/bin/Release/program.dll
            remember_build {{Program}} true
            look
            {{change}}
            look
            """);
        return string.Join(' ', output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    async Task<string> BashAsync(string script)
    {
        using var bash = Process.Start(new ProcessStartInfo("bash", ["-c", $"exec 2>&1; {script}"]) { WorkingDirectory = _clone.FullName, RedirectStandardOutput = true })!;
        var output = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken);
        return output;
    }

    void Write(string file, string text)
    {
        var path = Path.Combine(_clone.FullName, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        if (OperatingSystem.IsLinux())
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.UserExecute);
    }
}
