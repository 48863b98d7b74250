using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace Zava.Tests.AppHost;

/// <summary>The stack as F5 starts it, but on a database that is new and goes away.</summary>
public sealed class StackTests
{
    [Fact]
    public async Task The_stack_starts_and_the_server_is_healthy()
    {
        if (await WhyDockerIsMissingAsync() is { } reason)
            Assert.Skip($"The stack runs PostgreSQL in a container, and Docker is not usable here: {reason}");

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(10));

        // 44 hexadecimal digits are base64, too.
        var builder = await AppModel.CreateBuilderAsync(_ => RandomNumberGenerator.GetHexString(44), limit.Token);
        var postgres = builder.CreateResourceBuilder<PostgresServerResource>("postgres").WithLifetime(ContainerLifetime.Session);
        postgres.Resource.Annotations.Remove(Assert.Single(postgres.Resource.Annotations.OfType<ContainerMountAnnotation>(), mount => mount.Type == ContainerMountType.Volume));

        await using var app = await builder.BuildAsync(limit.Token);
        await app.StartAsync(limit.Token);
        await app.ResourceNotifications.WaitForResourceHealthyAsync("mcp-server", limit.Token);

        using var client = app.CreateHttpClient("mcp-server", "http");
        Assert.Equal("Healthy", await client.GetStringAsync("/ready", limit.Token));
    }

    static async Task<string?> WhyDockerIsMissingAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            using var docker = Process.Start(new ProcessStartInfo("docker", "info")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var output = docker.StandardOutput.ReadToEndAsync(limit.Token);
            var error = await docker.StandardError.ReadToEndAsync(limit.Token);
            await output;
            await docker.WaitForExitAsync(limit.Token);
            return docker.ExitCode == 0 ? null : $"docker info says \"{error.Trim()}\".";
        }
        catch (Win32Exception)
        {
            return "there is no docker command.";
        }
        catch (OperationCanceledException)
        {
            return "docker info does not answer.";
        }
    }
}
