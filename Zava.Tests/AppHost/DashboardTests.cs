using Aspire.Hosting.ApplicationModel;
using Zava.McpServer.Identity;

namespace Zava.Tests.AppHost;

/// <summary>What the dashboard offers besides the services.</summary>
public sealed class DashboardTests
{
    [Theory]
    [InlineData("seeder", "back-up", false)]
    [InlineData("seeder", "reset", true)]
    [InlineData("embedding-worker", "requeue", false)]
    [InlineData("mcp-server", "show-token", false)]
    public async Task Commands_are_there_and_what_destroys_asks_first(string resource, string command, bool asks)
    {
        await using var run = await AppModel.BuildAsync(AppModel.Run);
        var offered = Assert.Single(run[resource].Annotations.OfType<ResourceCommandAnnotation>(), annotation => annotation.Name == command);
        Assert.Equal(asks, !string.IsNullOrEmpty(offered.ConfirmationMessage));
        Assert.False(string.IsNullOrEmpty(offered.DisplayDescription));

        await using var publish = await AppModel.BuildAsync(AppModel.Publish);
        Assert.DoesNotContain(publish[resource].Annotations.OfType<ResourceCommandAnnotation>(), annotation => annotation.Name == command);
    }

    [Fact]
    public async Task Tokens_are_offered_for_the_servers_own_personas()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Run);
        var command = model["mcp-server"].Annotations.OfType<ResourceCommandAnnotation>().Single(annotation => annotation.Name == "show-token");
        var persona = Assert.Single(command.Arguments);
        Assert.Equal(Persona.All.Select(known => known.Name), persona.Options!.Select(option => option.Key));
    }

    [Theory]
    [InlineData("pgweb")]
    [InlineData("mcp-inspector")]
    public async Task Tools_start_only_when_asked_and_are_not_deployed(string tool)
    {
        await using var run = await AppModel.BuildAsync(AppModel.Run);
        Assert.Single(run[tool].Annotations.OfType<ExplicitStartupAnnotation>());
        await using var publish = await AppModel.BuildAsync(AppModel.Publish);
        Assert.False(publish.Has(tool));
    }

    [Fact]
    public async Task The_inspector_is_given_the_servers_address()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Run);
        var arguments = (await model.ArgumentsAsync("mcp-inspector")).ToArray();
        Assert.Matches("^http://localhost:[0-9]+/mcp$", arguments[Array.IndexOf(arguments, "--server-url") + 1]);
    }

    [Fact]
    public async Task Several_workers_run_when_asked_for()
    {
        await using var one = await AppModel.BuildAsync();
        Assert.Equal(1, one["embedding-worker"].GetReplicaCount());
        await using var three = await AppModel.BuildAsync("--Parameters:worker-replicas=3");
        Assert.Equal(3, three["embedding-worker"].GetReplicaCount());
    }

    [Theory, MemberData(nameof(AppModelTests.Operations), MemberType = typeof(AppModelTests))]
    public async Task Every_parameter_says_what_it_is(string[] operation)
    {
        await using var model = await AppModel.BuildAsync(operation);
        Assert.All(model.Resources.OfType<ParameterResource>(), parameter => Assert.False(string.IsNullOrEmpty(parameter.Description), parameter.Name));
    }
}
