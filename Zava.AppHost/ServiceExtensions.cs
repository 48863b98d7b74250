using System.Globalization;

namespace Zava.AppHost;

/// <summary>What one service is given, here or in Azure.</summary>
static class ServiceExtensions
{
    const int MostReplicas = 16;

    /// <summary>
    /// The seeder's options are passed on: dotnet run --project Zava.AppHost -- --scale 2 --seed 7 --as-of 2026-01-31 --no-sample-data.
    /// A deployment gets no sample data.
    /// </summary>
    public static IResourceBuilder<ProjectResource> WithSampleData(this IResourceBuilder<ProjectResource> seeder, string[] args)
    {
        if (seeder.ApplicationBuilder.ExecutionContext.IsPublishMode)
            return seeder.WithArgs("--no-sample-data");

        for (var i = 0; i < args.Length; i++)
            if (args[i] is "--no-sample-data")
                seeder.WithArgs(args[i]);
            else if (args[i] is "--scale" or "--seed" or "--as-of" && i + 1 < args.Length)
                seeder.WithArgs(args[i], args[++i]);
        return seeder;
    }

    /// <summary>How many workers share the queue, from the parameter <c>worker-replicas</c>.</summary>
    public static int WorkerReplicas(this IDistributedApplicationBuilder builder)
    {
        var sent = builder.Configuration["Parameters:worker-replicas"] ?? "1";
        if (!int.TryParse(sent, NumberStyles.None, CultureInfo.InvariantCulture, out var replicas) || replicas is < 1 or > MostReplicas)
            throw new DistributedApplicationException($"The parameter worker-replicas is '{sent}': it must be a number from 1 to {MostReplicas}.");
        builder.AddParameter("worker-replicas", sent, publishValueAsDefault: true).WithDescription($"Embedding workers, 1 to {MostReplicas}");
        return replicas;
    }

    /// <summary>Whose tokens a deployed server accepts; without them it refuses to start.</summary>
    public static IResourceBuilder<ProjectResource> WithIdentity(this IResourceBuilder<ProjectResource> server)
    {
        var builder = server.ApplicationBuilder;
        return server
            .WithEnvironment("Identity__Authority", builder.AddParameter("identity-authority")
                .WithDescription("OpenID Connect issuer of the tokens, such as `https://login.microsoftonline.com/TENANT/v2.0`", enableMarkdown: true))
            .WithEnvironment("Identity__Audience", builder.AddParameter("identity-audience")
                .WithDescription("Audience that tokens must name: of Entra ID, the application's client id"));
    }

    /// <summary>A service is replaced when it hangs.</summary>
    public static IResourceBuilder<ProjectResource> WithLivenessProbe(this IResourceBuilder<ProjectResource> service) => service
        .WithHttpProbe(ProbeType.Liveness, "/alive", initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: 5);

    /// <summary>A replica gets requests when it is ready, and is replaced when it hangs.</summary>
    public static IResourceBuilder<ProjectResource> WithProbes(this IResourceBuilder<ProjectResource> server) => server
        .WithLivenessProbe()
        .WithHttpProbe(ProbeType.Readiness, "/ready", periodSeconds: 5, timeoutSeconds: 5)
        // Each replica may open a hundred connections.
        .PublishAsAzureContainerApp((_, app) => (app.Template.Scale.MinReplicas, app.Template.Scale.MaxReplicas) = (1, 4));
}
