using System.Net;
using System.Net.Sockets;
using Npgsql;
using Zava.Standalone;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Standalone;

/// <summary>The port of a private PostgreSQL.</summary>
public sealed class PrivatePostgresTests
{
    [Fact]
    public async Task It_keeps_its_port_for_clients_that_know_it_and_gives_way_to_another_program()
    {
        Assert.SkipUnless(await PrivatePostgres.IsAvailableAsync(), "It needs PostgreSQL with pgvector 0.8 on this machine, and there is none.");
        await using var folder = new PrivateFolder("test-port");
        var first = await StartAsync();
        Assert.Equal(first, await StartAsync());

        using var other = new TcpListener(IPAddress.Loopback, first);
        other.Start();
        var second = await StartAsync();
        Assert.NotEqual(first, second);
        other.Stop();
        Assert.Equal(second, await StartAsync());

        async Task<int> StartAsync()
        {
            await using var postgres = await PrivatePostgres.StartAsync(folder.Path, [], TestContext.Current.CancellationToken);
            return new NpgsqlConnectionStringBuilder(postgres.AdministratorConnectionString).Port;
        }
    }
}
