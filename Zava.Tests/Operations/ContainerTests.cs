using System.Diagnostics;
using System.Text.Json;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Operations;

/// <summary>How the services' images will be made, as MSBuild evaluates their projects.</summary>
public sealed class ContainerTests
{
    public static TheoryData<string> Services => ["Zava.Seeder", "Zava.EmbeddingWorker", "Zava.McpServer"];

    [Theory, MemberData(nameof(Services))]
    public async Task The_image_runs_as_nobody_special_and_can_normalize_text(string project)
    {
        var properties = (await EvaluateAsync(project, "-p:RuntimeIdentifier=linux-x64")).GetProperty("Properties");
        Assert.Equal("app", properties.GetProperty("ContainerUser").GetString());
        // Chiseled images without "extra" have no ICU, and InvariantGlobalization would do without: NFKC fails then.
        Assert.Equal("mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled-extra", properties.GetProperty("ContainerBaseImage").GetString());
        Assert.Equal("false", properties.GetProperty("InvariantGlobalization").GetString());
        Assert.Equal(project.ToLowerInvariant().Replace('.', '-'), properties.GetProperty("ContainerRepository").GetString());
    }

    [Theory, MemberData(nameof(Services))]
    public async Task Only_a_publish_for_a_machine_compiles_ahead_of_time(string project)
    {
        Assert.Equal("true", await ReadyToRunAsync("-p:RuntimeIdentifier=linux-x64"));
        Assert.Equal("", await ReadyToRunAsync());

        async Task<string?> ReadyToRunAsync(params string[] arguments) =>
            (await EvaluateAsync(project, arguments)).GetProperty("Properties").GetProperty("PublishReadyToRun").GetString();
    }

    [Fact]
    public async Task The_server_listens_on_8080_and_the_others_on_nothing()
    {
        foreach (var project in Services.Select(row => row.Data))
        {
            var ports = (await EvaluateAsync(project)).GetProperty("Items").GetProperty("ContainerPort").EnumerateArray().Select(port => port.GetProperty("Identity").GetString());
            Assert.Equal(project == "Zava.McpServer" ? ["8080"] : [], ports);
        }
    }

    static async Task<JsonElement> EvaluateAsync(string project, params string[] arguments)
    {
        string[] command =
        [
            "msbuild", Path.Combine(Repository.Root, project, $"{project}.csproj"), "-nologo", "-getItem:ContainerPort",
            "-getProperty:ContainerUser,ContainerBaseImage,ContainerRepository,InvariantGlobalization,PublishReadyToRun", .. arguments,
        ];
        using var msbuild = Process.Start(new ProcessStartInfo("dotnet", command) { RedirectStandardOutput = true })!;
        var output = await msbuild.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await msbuild.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(msbuild.ExitCode == 0, output);
        return JsonDocument.Parse(output).RootElement;
    }
}
