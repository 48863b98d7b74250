using Zava.AppHost;
using Zava.Database;

var builder = DistributedApplication.CreateBuilder(args);

// Where a deployment runs. On this machine it would put Azure and its commands into the dashboard.
if (builder.ExecutionContext.IsPublishMode)
    builder.AddAzureContainerAppEnvironment("zava").WithAzdResourceNaming().WithDashboard();

var seederPassword = builder.GenerateSecret("seeder-password", $"Password that the seeder gives to the database login {DatabaseRole.Seeder}");
var workerPassword = builder.GenerateSecret("worker-password", $"Password that the seeder gives to the database login {DatabaseRole.Worker}");
var serverPassword = builder.GenerateSecret("mcp-user-password", $"Password that the seeder gives to the database login {DatabaseRole.Application}");
var operatorPassword = builder.GenerateSecret("operator-password", $"Password that the seeder gives to the database login {DatabaseRole.Operator}");
var contextKey = builder.GenerateSecret("context-key", "Key that seals the stores of a caller into the context of a query");
var database = builder.AddRetailDatabase();
var embeddings = new EmbeddingSettings(builder);

// The seeder creates logins and schema: the only service that connects as the administrator.
var seeder = builder.AddProject<Projects.Zava_Seeder>("seeder")
    .WithIconName("DatabaseArrowUp")
    .WithSecret(RetailDatabase.ConnectionVariable, database.AdministratorConnection)
    .WithSecret($"Database__Passwords__{DatabaseRole.Seeder}", seederPassword)
    .WithSecret($"Database__Passwords__{DatabaseRole.Worker}", workerPassword)
    .WithSecret($"Database__Passwords__{DatabaseRole.Application}", serverPassword)
    .WithSecret($"Database__Passwords__{DatabaseRole.Operator}", operatorPassword)
    .WithSecret("Database__ContextKey__Secret", contextKey)
    .WithSampleData(args)
    .PublishAsAzureContainerAppJob()
    .WaitFor(database.Resource);

// The services each have a login of their own. WithReference(database) would hand them the administrator's password.
var worker = builder.AddProject<Projects.Zava_EmbeddingWorker>("embedding-worker")
    .WithIconName("BrainCircuit")
    .WithHttpEndpoint() // of its health alone
    .WithReplicas(builder.WorkerReplicas())
    .WithSecret(RetailDatabase.ConnectionVariable, new("worker-connection", database.Connection(DatabaseRole.Worker, workerPassword)))
    .WithEmbeddings(embeddings)
    .WaitForCompletion(seeder);

// It listens behind a proxy or an ingress; clients are told the address that stays.
var server = builder.AddProject<Projects.Zava_McpServer>("mcp-server")
    .WithIconName("PlugConnected")
    .WithSecret(RetailDatabase.ConnectionVariable, new("mcp-user-connection", database.Connection(DatabaseRole.Application, serverPassword)))
    .WithSecret(RetailDatabase.OperatorConnectionVariable, new("operator-connection", database.Connection(DatabaseRole.Operator, operatorPassword)))
    .WithSecret("Database__ContextKey__Secret", contextKey)
    .WithEmbeddings(embeddings)
    .WithExternalHttpEndpoints()
    .WithUrlForEndpoint("http", url => (url.Url, url.DisplayText) = ("/mcp", "MCP endpoint"))
    .WaitForCompletion(seeder);
server.WithEnvironment("Identity__PublicUrl", server.GetEndpoint("http"));

if (builder.ExecutionContext.IsRunMode)
{
    server.WithHttpHealthCheck("/ready").WithTokenCommand();
    worker.WithHttpHealthCheck("/ready").WithRequeueCommand(database);
    seeder.WithBackupCommand(database).WithResetCommand(database, worker.Resource, server.Resource);
    builder.AddInspector(server);
}
else
{
    server.WithIdentity().WithProbes();
    worker.WithLivenessProbe();
}

builder.Build().Run();
