using Aspire.Hosting.ApplicationModel;
using Npgsql;
using Zava.Database;

namespace Zava.Tests.AppHost;

/// <summary>What the AppHost promises about secrets, order and images, whether it runs or publishes.</summary>
public sealed class AppModelTests
{
    const string Administrator = "postgres-password";

    public static TheoryData<string[]> Operations => [AppModel.Run, AppModel.Publish];

    [Fact]
    public async Task The_model_is_a_database_a_seeder_a_worker_and_a_server()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Run);
        Assert.IsType<PostgresServerResource>(model["postgres"]);
        Assert.Equal(Extensions.DatabaseName, Assert.IsType<PostgresDatabaseResource>(model["retail-db"]).DatabaseName);
        Assert.Equal(["embedding-worker", "mcp-server", "seeder"], model.Services.Order());
    }

    [Theory, MemberData(nameof(Operations))]
    public async Task Every_password_and_key_is_a_secret_parameter(string[] operation)
    {
        await using var model = await AppModel.BuildAsync(operation);
        Assert.Equal(AppModel.Secrets.Order(),
            model.Resources.OfType<ParameterResource>().Where(parameter => parameter.Secret).Select(parameter => parameter.Name).Order());
    }

    [Fact]
    public async Task Generated_secrets_need_no_quoting_and_can_be_a_context_key()
    {
        await using var model = await AppModel.BuildAsync(AppModel.Publish);
        foreach (var name in AppModel.Secrets)
        {
            var generated = Assert.IsType<ParameterResource>(model[name]).Default!.GetDefaultValue();
            Assert.All(generated, character => Assert.True(char.IsAsciiLetterOrDigit(character)));
            Assert.True(Convert.FromBase64String(generated).Length >= 32);
        }
    }

    [Theory, MemberData(nameof(Operations))]
    public async Task Only_the_seeder_sees_the_administrators_password(string[] operation)
    {
        await using var model = await AppModel.BuildAsync(operation);
        foreach (var service in model.Services)
        {
            // A connection string contains the password, in the manifest by reference.
            string[] administrator =
                [Administrator, "administrator-connection", "{retail-db.connectionString}", "{postgres.connectionString}"];
            var seen = (await model.EnvironmentAsync(service)).Values.Any(value => administrator.Any(value.Contains));
            Assert.True(seen == (service == "seeder"), service);
        }
    }

    [Theory]
    [InlineData("embedding-worker", "retail_db", DatabaseRole.Worker, "worker-password")]
    [InlineData("mcp-server", "retail_db", DatabaseRole.Application, "mcp-user-password")]
    [InlineData("mcp-server", "retail_db_ops", DatabaseRole.Operator, "operator-password")]
    public async Task Each_service_connects_with_its_own_login(string service, string name, string login, string password)
    {
        await using var running = await AppModel.BuildAsync();
        var connection = new NpgsqlConnectionStringBuilder((await running.EnvironmentAsync(service))[$"ConnectionStrings__{name}"]);
        Assert.Equal((login, password, Extensions.DatabaseName, "localhost", 5432),
            (connection.Username, connection.Password, connection.Database, connection.Host, connection.Port));
    }

    [Theory, MemberData(nameof(Operations))]
    public async Task The_seeder_gets_what_it_gives_to_the_others(string[] operation)
    {
        await using var model = await AppModel.BuildAsync(operation);
        var seeder = await model.EnvironmentAsync("seeder");
        var server = await model.EnvironmentAsync("mcp-server");

        Assert.Equal(model.ValueOf("seeder", "seeder-password"), seeder[$"Database__Passwords__{DatabaseRole.Seeder}"]);
        Assert.Equal(model.ValueOf("seeder", "worker-password"), seeder[$"Database__Passwords__{DatabaseRole.Worker}"]);
        Assert.Equal(model.ValueOf("seeder", "mcp-user-password"), seeder[$"Database__Passwords__{DatabaseRole.Application}"]);
        Assert.Equal(model.ValueOf("seeder", "operator-password"), seeder[$"Database__Passwords__{DatabaseRole.Operator}"]);
        Assert.Equal(model.ValueOf("seeder", "context-key"), seeder["Database__ContextKey__Secret"]);
        Assert.Equal(model.ValueOf("mcp-server", "context-key"), server["Database__ContextKey__Secret"]);
        Assert.DoesNotContain("Database__ContextKey__Secret", await model.EnvironmentAsync("embedding-worker"));
    }

    [Theory]
    [InlineData("seeder", "retail-db", WaitType.WaitUntilHealthy)]
    [InlineData("embedding-worker", "seeder", WaitType.WaitForCompletion)]
    [InlineData("mcp-server", "seeder", WaitType.WaitForCompletion)]
    public async Task Services_start_when_what_they_need_is_there(string service, string dependency, WaitType type)
    {
        await using var model = await AppModel.BuildAsync();
        Assert.Contains(model[service].Annotations.OfType<WaitAnnotation>(),
            wait => wait.Resource == model[dependency] && wait.WaitType == type && wait.ExitCode == 0);
    }

    [Fact]
    public async Task The_image_is_pinned_and_the_data_outlives_the_process()
    {
        await using var model = await AppModel.BuildAsync();
        var image = model.Annotation<ContainerImageAnnotation>("postgres");
        Assert.Equal(("docker.io", "pgvector/pgvector", "0.8.2-pg17"), (image.Registry, image.Image, image.Tag));
        Assert.Equal(ContainerLifetime.Persistent, model.Annotation<ContainerLifetimeAnnotation>("postgres").Lifetime);

        var mounts = model["postgres"].Annotations.OfType<ContainerMountAnnotation>().OrderBy(mount => mount.Target).ToArray();
        Assert.Equal([(ContainerMountType.Volume, "/var/lib/postgresql/data"), (ContainerMountType.BindMount, "/zava/postgresql-settings.sh")],
            mounts.Select(mount => (mount.Type, mount.Target)));
        Assert.True(File.Exists(mounts[1].Source), mounts[1].Source);
        Assert.Contains("config_file=/tmp/zava.conf", (await model.ArgumentsAsync("postgres")).Last());
    }

    [Theory]
    [InlineData("embedding-worker")]
    [InlineData("mcp-server")]
    public async Task A_service_is_healthy_when_it_says_that_it_is_ready(string service)
    {
        await using var model = await AppModel.BuildAsync();
        Assert.Equal($"{service}_http_/ready_200_check", model.Annotation<HealthCheckAnnotation>(service).Key);
    }

    [Fact]
    public async Task Clients_are_told_the_servers_proxied_address()
    {
        await using var run = await AppModel.BuildAsync(AppModel.Run);
        Assert.StartsWith("http://localhost:", (await run.EnvironmentAsync("mcp-server"))["Identity__PublicUrl"]);
        await using var publish = await AppModel.BuildAsync(AppModel.Publish);
        Assert.Equal("{mcp-server.bindings.http.url}", (await publish.EnvironmentAsync("mcp-server"))["Identity__PublicUrl"]);
    }

    [Fact]
    public async Task Sample_data_options_are_passed_to_the_seeder()
    {
        await using var model = await AppModel.BuildAsync("--no-sample-data", "--scale", "2", "--seed", "7", "--as-of", "2026-01-31");
        Assert.Equal(["--no-sample-data", "--scale", "2", "--seed", "7", "--as-of", "2026-01-31"], await model.ArgumentsAsync("seeder"));

        await using var published = await AppModel.BuildAsync([.. AppModel.Publish, "--scale", "2"]);
        Assert.Equal(["--no-sample-data"], await published.ArgumentsAsync("seeder"));
    }
}
