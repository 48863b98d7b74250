using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Zava.Database;

/// <summary>
/// A connection string may name several hosts, a primary and its streaming standbys: <c>Host=a,b</c>. What a caller only reads comes
/// from a standby while there is one; all else goes to the primary.
/// </summary>
static class Hosts
{
    const string EveryHost = "every host";

    /// <summary>
    /// Whoever asks for an <see cref="NpgsqlDataSource"/> gets the primary; <see cref="All"/> has the one to choose a host of.
    /// </summary>
    public static void AddHosts(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        var single = services.Last(service => service.ServiceType == typeof(NpgsqlDataSource) && !service.IsKeyedService);
        var create = single.ImplementationFactory ?? throw new InvalidOperationException("The data source is not made by a factory.");
        services.Remove(single);
        services.AddKeyedSingleton(EveryHost, (provider, _) => (NpgsqlDataSource)create(provider));
        services.AddSingleton(provider => All(provider) is NpgsqlMultiHostDataSource hosts ? hosts.WithTargetSession(TargetSessionAttributes.Primary) : All(provider));
    }

    public static NpgsqlDataSource All(IServiceProvider services) => services.GetRequiredKeyedService<NpgsqlDataSource>(EveryHost);

    public static ValueTask<NpgsqlConnection> OpenForReadingAsync(this NpgsqlDataSource source, CancellationToken cancellationToken) =>
        source is NpgsqlMultiHostDataSource hosts ? hosts.OpenConnectionAsync(TargetSessionAttributes.PreferStandby, cancellationToken) : source.OpenConnectionAsync(cancellationToken);

    public static ValueTask<NpgsqlConnection> OpenForWritingAsync(this NpgsqlDataSource source, CancellationToken cancellationToken) =>
        source is NpgsqlMultiHostDataSource hosts ? hosts.OpenConnectionAsync(TargetSessionAttributes.Primary, cancellationToken) : source.OpenConnectionAsync(cancellationToken);
}
