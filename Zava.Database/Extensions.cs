using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Zava.Database;

public static class Extensions
{
    /// <summary>The name of the database, and of its connection string in every service.</summary>
    public const string DatabaseName = "retail_db";

    /// <summary>
    /// Adds the data source of a serving process, traced and health-checked, and <see cref="DatabaseReadiness"/>, which refuses to
    /// start when its login is one that row-level security does not bind.
    /// </summary>
    /// <param name="builder">The process.</param>
    /// <param name="resetsSessions">
    /// Whether PostgreSQL resets a session before the pool gives it to the next user: seven statements each time, which is for
    /// who leaves something in it.
    /// </param>
    public static TBuilder AddZavaDatabase<TBuilder>(this TBuilder builder, bool resetsSessions = true) where TBuilder : IHostApplicationBuilder
    {
        builder.AddRetailDataSource(resetsSessions);
        builder.AddHosts();
        builder.Services.AddSingleton<DatabaseReadiness>();
        builder.Services.AddHostedService(services => services.GetRequiredService<DatabaseReadiness>());
        builder.Services.AddHealthChecks().AddCheck<DatabaseReadiness>("database", tags: ["ready"]);
        return builder;
    }

    /// <summary>
    /// Adds <see cref="TenantDatabase"/> and <see cref="QueryDatabase"/>: our queries and the caller's own, under the caller's
    /// sealed context.
    /// </summary>
    public static TBuilder AddTenantDatabase<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        var key = ContextKey.FromConfiguration(builder.Configuration);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => new ContextSealer(key, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton(services => new TenantDatabase(Hosts.All(services), services.GetRequiredService<ContextSealer>()));
        builder.Services.AddOptions<QueryOptions>()
            .BindConfiguration(QueryOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.AddSingleton(services => new QueryDatabase(
            Hosts.All(services), key, services.GetRequiredService<ContextSealer>(), services.GetRequiredService<IOptions<QueryOptions>>()));
        return builder;
    }
}
