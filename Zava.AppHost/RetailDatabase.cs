using Zava.Database;

namespace Zava.AppHost;

/// <summary>PostgreSQL with pgvector: a container on this machine, a flexible server in Azure.</summary>
sealed class RetailDatabase
{
    public const string ConnectionVariable = $"ConnectionStrings__{Extensions.DatabaseName}";

    /// <summary>By which the operations page reads the monitoring views, for callers of every store.</summary>
    public const string OperatorConnectionVariable = $"ConnectionStrings__{OperatorDatabase.ConnectionName}";

    /// <summary>The database, to wait for.</summary>
    public required IResourceBuilder<IResource> Resource { get; init; }

    /// <summary>The part of a connection string that finds the database.</summary>
    public required ReferenceExpression Address { get; init; }

    /// <summary>The connection string of the administrator, for the seeder alone.</summary>
    public required Secret AdministratorConnection { get; init; }

    /// <summary>The connection string of a login.</summary>
    public ReferenceExpression Connection(string login, Secret password) => ReferenceExpression.Create($"{Address};Username={login};Password={password.Value}");
}

static class RetailDatabaseExtensions
{
    const string ServerName = "postgres";
    const string ResourceName = "retail-db";

    public static RetailDatabase AddRetailDatabase(this IDistributedApplicationBuilder builder)
    {
        var password = builder.GenerateSecretParameter("postgres-password", "Password of PostgreSQL's administrator, which only the seeder uses");
        return builder.ExecutionContext.IsRunMode ? builder.AddPostgresContainer(password) : builder.AddFlexibleServer(password);
    }

    static RetailDatabase AddPostgresContainer(this IDistributedApplicationBuilder builder, IResourceBuilder<ParameterResource> password)
    {
        // The image is named before the volume, whose mount path depends on its tag.
        var postgres = builder.AddPostgres(ServerName, password: password)
            .WithImage("pgvector/pgvector", "0.8.2-pg17")
            // Sized where it runs, from the memory that the container has; then what the image starts anyway.
            .WithBindMount("../Zava.Database/postgresql-settings.sh", "/zava/postgresql-settings.sh", isReadOnly: true)
            .WithArgs("bash", "-c", """
                bash /zava/postgresql-settings.sh "$PGDATA" > /tmp/zava.conf && exec docker-entrypoint.sh postgres -c config_file=/tmp/zava.conf
                """)
            .WithDataVolume()
            .WithLifetime(ContainerLifetime.Persistent)
            .WithPgWeb(pgweb => pgweb.WithExplicitStart().WithUrlForEndpoint("http", url => url.DisplayText = "Browse the database"));
        var server = postgres.Resource;
        var address = ReferenceExpression.Create($"Host={server.Host};Port={server.Port};Database={Extensions.DatabaseName}");
        return new()
        {
            Resource = postgres.AddDatabase(ResourceName, Extensions.DatabaseName),
            Address = address,
            AdministratorConnection = new("administrator-connection",
                ReferenceExpression.Create($"{address};Username={server.UserNameReference};Password={password}")),
        };
    }

    static RetailDatabase AddFlexibleServer(this IDistributedApplicationBuilder builder, IResourceBuilder<ParameterResource> password)
    {
        var administrator = builder.AddParameter("postgres-administrator", "zava_admin", publishValueAsDefault: true)
            .WithDescription("Login of PostgreSQL's administrator");
        var server = builder.AddAzurePostgresFlexibleServer(ServerName)
            .WithPasswordAuthentication(userName: administrator, password: password)
            .ConfigureInfrastructure(FlexibleServer.Configure);
        // The certificate is checked: the password would otherwise be sent to whoever answers.
        var address = ReferenceExpression.Create($"Host={server.Resource.HostName};Database={Extensions.DatabaseName};SSL Mode=VerifyFull");
        return new()
        {
            Resource = server.AddDatabase(ResourceName, Extensions.DatabaseName),
            Address = address,
            AdministratorConnection = new("administrator-connection",
                ReferenceExpression.Create($"{address};Username={administrator};Password={password}")),
        };
    }
}
