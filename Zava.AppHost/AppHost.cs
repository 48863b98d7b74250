var builder = DistributedApplication.CreateBuilder(args);

// Secrets are generated once and kept in this project's user secrets. Letters and digits need no quoting in a
// connection string, and 44 of them are also base64 of 33 bytes, as the context key has to be.
var postgresPassword = AddGeneratedSecret("postgres-password");
var seederPassword = AddGeneratedSecret("seeder-password");
var workerPassword = AddGeneratedSecret("worker-password");
var mcpUserPassword = AddGeneratedSecret("mcp-user-password");
var contextKey = AddGeneratedSecret("context-key");

// Embeddings: only openai has a key. A parameter for it would otherwise stop every start with a question.
var provider = builder.Configuration["Parameters:embeddings"] ?? "local";
var embeddings = builder.AddParameter("embeddings", provider, publishValueAsDefault: true)
    .WithDescription("`local`, a model that needs no network, or `openai`", enableMarkdown: true);
var openAIKey = provider == "openai"
    ? builder.AddParameter("openai-api-key", secret: true).WithDescription("Key of OpenAI or a compatible endpoint")
    : null;

// PostgreSQL with pgvector. The image is named before the volume, whose mount path depends on its tag.
var postgres = builder.AddPostgres("postgres", password: postgresPassword)
    .WithImage("pgvector/pgvector", "0.8.2-pg17")
    // Sized where it runs, from the memory that the container has; then what the image starts anyway.
    .WithBindMount("../Zava.Database/postgresql-settings.sh", "/zava/postgresql-settings.sh", isReadOnly: true)
    .WithArgs("bash", "-c", """
        bash /zava/postgresql-settings.sh "$PGDATA" > /tmp/zava.conf && exec docker-entrypoint.sh postgres -c config_file=/tmp/zava.conf
        """)
    .WithDataVolume()
    .WithLifetime(ContainerLifetime.Persistent);
var database = postgres.AddDatabase("retail-db", "retail_db");

// The seeder creates logins and schema: the only service that connects as the administrator.
var seeder = builder.AddProject<Projects.Zava_Seeder>("seeder")
    .WithReference(database, connectionName: "retail_db")
    .WithEnvironment("Database__Passwords__zava_seeder", seederPassword)
    .WithEnvironment("Database__Passwords__zava_worker", workerPassword)
    .WithEnvironment("Database__Passwords__mcp_user", mcpUserPassword)
    .WithEnvironment("Database__ContextKey__Secret", contextKey)
    .WaitFor(database);

// Its options are passed on: dotnet run --project Zava.AppHost -- --scale 2 --seed 7 --as-of 2026-01-31 --no-sample-data
for (var i = 0; i < args.Length && builder.ExecutionContext.IsRunMode; i++)
    if (args[i] is "--no-sample-data")
        seeder.WithArgs(args[i]);
    else if (args[i] is "--scale" or "--seed" or "--as-of" && i + 1 < args.Length)
        seeder.WithArgs(args[i], args[++i]);

// The services each have a login of their own. WithReference(database) would hand them the administrator's password.
builder.AddProject<Projects.Zava_EmbeddingWorker>("embedding-worker")
    .WithEnvironment("ConnectionStrings__retail_db", ConnectionString("zava_worker", workerPassword))
    .WithEnvironment(SetEmbeddings)
    .WaitForCompletion(seeder);

var server = builder.AddProject<Projects.Zava_McpServer>("mcp-server")
    .WithEnvironment("ConnectionStrings__retail_db", ConnectionString("mcp_user", mcpUserPassword))
    .WithEnvironment("Database__ContextKey__Secret", contextKey)
    .WithEnvironment(SetEmbeddings)
    .WithHttpHealthCheck("/health")
    .WithUrlForEndpoint("http", url => (url.Url, url.DisplayText) = ("/mcp", "MCP endpoint"))
    .WaitForCompletion(seeder);

// The server listens behind a proxy on a port that changes; an editor is given the one that stays.
if (builder.ExecutionContext.IsRunMode)
    server.WithEnvironment("Identity__PublicUrl", server.GetEndpoint("http"));

builder.Build().Run();

IResourceBuilder<ParameterResource> AddGeneratedSecret(string name) =>
    builder.AddParameter(name, new GenerateParameterDefault { MinLength = 44, Special = false }, secret: true, persist: true);

ReferenceExpression ConnectionString(string login, IResourceBuilder<ParameterResource> password)
{
    var server = postgres.Resource;
    return ReferenceExpression.Create(
        $"Host={server.Host};Port={server.Port};Database={database.Resource.DatabaseName};Username={login};Password={password}");
}

void SetEmbeddings(EnvironmentCallbackContext context)
{
    context.EnvironmentVariables["Embeddings__Provider"] = embeddings.Resource;
    if (openAIKey is null)
        return;

    context.EnvironmentVariables["Embeddings__OpenAI__ApiKey"] = openAIKey.Resource;
    foreach (var setting in (string[])["Endpoint", "Model", "Dimensions"])
        if (builder.Configuration[$"Embeddings:OpenAI:{setting}"] is { Length: > 0 } value)
            context.EnvironmentVariables[$"Embeddings__OpenAI__{setting}"] = value;
}
