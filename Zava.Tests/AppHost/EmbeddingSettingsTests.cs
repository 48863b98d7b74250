using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.Configuration;
using Zava.Embeddings;

namespace Zava.Tests.AppHost;

/// <summary>The parameter <c>embeddings</c>: what the services find in their environment, and that their own options accept it.</summary>
public sealed class EmbeddingSettingsTests
{
    public static TheoryData<string[], string[]> Providers => new()
    {
        { [], ["Embeddings__Provider=local"] },
        {
            ["--Parameters:embeddings=openai", "--Parameters:openai-api-key=sk-test", "--Embeddings:OpenAI:Dimensions=512"],
            ["Embeddings__OpenAI__ApiKey=sk-test", "Embeddings__OpenAI__Dimensions=512", "Embeddings__Provider=openai"]
        },
        {
            ["--Parameters:embeddings=azure-openai", "--Parameters:openai-api-key=key", "--Parameters:openai-endpoint=https://zava.openai.azure.com/openai/v1/"],
            ["Embeddings__OpenAI__ApiKey=key", "Embeddings__OpenAI__Endpoint=https://zava.openai.azure.com/openai/v1/", "Embeddings__Provider=openai"]
        },
        {
            ["--Parameters:embeddings=ollama"],
            ["Embeddings__OpenAI__ApiKey=ollama", "Embeddings__OpenAI__Dimensions=768", "Embeddings__OpenAI__Endpoint=http://localhost:11434/v1",
             "Embeddings__OpenAI__Model=nomic-embed-text", "Embeddings__Provider=openai"]
        },
    };

    [Theory, MemberData(nameof(Providers))]
    public async Task Worker_and_server_are_given_the_chosen_provider(string[] arguments, string[] expected)
    {
        await using var model = await AppModel.BuildAsync(arguments);
        foreach (var service in (string[])["embedding-worker", "mcp-server"])
        {
            var settings = (await model.EnvironmentAsync(service)).Where(variable => variable.Key.StartsWith("Embeddings__")).ToArray();
            Assert.Equal(expected, settings.Select(variable => $"{variable.Key}={variable.Value}").Order());

            var options = new ConfigurationBuilder()
                .AddInMemoryCollection(settings.Select(variable => KeyValuePair.Create(variable.Key.Replace("__", ":"), (string?)variable.Value)))
                .Build().GetRequiredSection(EmbeddingOptions.Section).Get<EmbeddingOptions>(binder => binder.ErrorOnUnknownConfiguration = true)!;
            Assert.Empty(options.Validate(new(options)));
        }
    }

    [Fact]
    public async Task Only_a_remote_provider_asks_for_a_key_and_it_is_a_secret()
    {
        await using var local = await AppModel.BuildAsync();
        Assert.False(local.Has("openai-api-key"));
        await using var openai = await AppModel.BuildAsync("--Parameters:embeddings=openai", "--Parameters:openai-api-key=sk-test");
        Assert.True(Assert.IsType<ParameterResource>(openai["openai-api-key"]).Secret);
    }

    [Theory]
    [InlineData("--Parameters:embeddings=opanai", "The parameter embeddings is 'opanai': it must be one of local, openai, azure-openai, ollama.")]
    [InlineData("--Parameters:worker-replicas=0", "The parameter worker-replicas is '0': it must be a number from 1 to 16.")]
    [InlineData("--Parameters:worker-replicas=many", "The parameter worker-replicas is 'many': it must be a number from 1 to 16.")]
    public async Task A_wrong_parameter_is_refused_by_name(string argument, string message) =>
        Assert.Equal(message, (await Assert.ThrowsAsync<DistributedApplicationException>(() => AppModel.BuildAsync(argument))).Message);

    [Fact]
    public async Task A_deployment_cannot_use_this_machines_ollama()
    {
        var refused = await Assert.ThrowsAsync<DistributedApplicationException>(() => AppModel.BuildAsync([.. AppModel.Publish, "--Parameters:embeddings=ollama"]));
        Assert.StartsWith("The parameter embeddings is 'ollama', which runs on this machine", refused.Message);
    }
}
