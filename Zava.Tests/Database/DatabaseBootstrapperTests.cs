using Npgsql;
using Zava.Database;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Database;

/// <summary>What the bootstrap does where it cannot succeed.</summary>
public sealed class DatabaseBootstrapperTests(DatabaseTemplate template)
{
    [Fact]
    public async Task A_missing_extension_is_named_in_one_sentence_and_the_database_was_made()
    {
        await using var any = await template.CreateDatabaseAsync();
        // No superuser, and nobody has allowed the extension: as on a managed PostgreSQL that was not prepared.
        await any.ExecuteAsync("CREATE ROLE zava_test_installer LOGIN CREATEDB CREATEROLE PASSWORD 'installer'");
        var installer = new NpgsqlConnectionStringBuilder(any.AdministratorConnectionString)
        {
            Username = "zava_test_installer",
            Password = "installer",
            Database = "zava_test_unprepared",
            Pooling = false,
        }.ConnectionString;
        try
        {
            var refused = await Assert.ThrowsAsync<DatabaseSetupException>(() => new DatabaseBootstrapper(installer)
                .RunAsync(new Dictionary<string, string>(), TestContext.Current.CancellationToken));
            Assert.Contains("no usable extension 'vector'", refused.Message);
            Assert.Contains("azure.extensions", refused.Message);
            Assert.DoesNotContain('\n', refused.Message);
            Assert.True(await any.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'zava_test_unprepared')"));
        }
        finally
        {
            await any.ExecuteAsync("DROP DATABASE IF EXISTS zava_test_unprepared");
            await any.ExecuteAsync("DROP ROLE zava_test_installer");
        }
    }
}
