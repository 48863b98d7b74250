using Microsoft.Extensions.DependencyInjection.Extensions;
using Zava.Database;

namespace Zava.EmbeddingWorker.Maintenance;

static class Extensions
{
    /// <summary>Adds the weekly maintenance if the configuration asks for it.</summary>
    /// <exception cref="InvalidOperationException">A setting is misspelt, or the connection string is missing.</exception>
    public static void AddScheduledMaintenance(this IHostApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(MaintenanceOptions.Section)
            .Get<MaintenanceOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new();
        if (!options.Enabled)
            return;

        var connectionString = builder.Configuration.GetConnectionString(DatabaseMaintenance.ConnectionName)
            ?? throw new InvalidOperationException(
                $"ConnectionStrings:{DatabaseMaintenance.ConnectionName} is not set: {MaintenanceOptions.Section}:{nameof(MaintenanceOptions.Enabled)} needs the login {DatabaseRole.Maintenance}.");
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(new DatabaseMaintenance(connectionString));
        builder.Services.AddHostedService<MaintenanceService>();
    }
}
