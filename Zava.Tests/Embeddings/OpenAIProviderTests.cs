using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Zava.Embeddings;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Embeddings;

/// <summary>The provider <c>openai</c>, with the real client, against a service that speaks its protocol.</summary>
public sealed class OpenAIProviderTests
{
    [Theory]
    [InlineData("text-embedding-3-small", 256, 256)]
    [InlineData("nomic-embed-text", 768, null)]
    public async Task It_asks_the_configured_endpoint_with_key_model_and_dimensions(string model, int dimensions, int? asked)
    {
        var requests = new List<(string? Authorization, JsonElement Body)>();
        await using var service = await LocalService.StartAsync(app => app.MapPost("/v1/embeddings", async (HttpRequest request) =>
        {
            var body = await JsonSerializer.DeserializeAsync<JsonElement>(request.Body);
            requests.Add((request.Headers.Authorization, body));
            float[] vector = [.. Enumerable.Range(0, dimensions).Select(index => index / 1000f)];
            return Results.Json(new
            {
                @object = "list",
                model,
                data = body.GetProperty("input").EnumerateArray().Select((_, index) => new
                {
                    @object = "embedding",
                    index,
                    embedding = Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan())),
                }),
                usage = new { prompt_tokens = 3, total_tokens = 3 },
            });
        }));

        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Embeddings:Provider"] = "openai",
            ["Embeddings:OpenAI:ApiKey"] = "secret-key",
            ["Embeddings:OpenAI:Endpoint"] = $"{service.Urls.First()}/v1",
            ["Embeddings:OpenAI:Model"] = model,
            ["Embeddings:OpenAI:Dimensions"] = dimensions.ToString(),
        });
        builder.AddZavaEmbeddings();
        using var host = builder.Build();
        Assert.Equal(new EmbeddingModel(model, dimensions), host.Services.GetRequiredService<EmbeddingModel>());

        var embeddings = await host.Services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>()
            .GenerateAsync(["a mug", "a tent"], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(2, embeddings.Count);
        Assert.Equal(dimensions, embeddings[1].Vector.Length);
        Assert.Equal(.255f, embeddings[0].Vector.Span[255]);

        var (authorization, sent) = Assert.Single(requests);
        Assert.Equal("Bearer secret-key", authorization);
        Assert.Equal(model, sent.GetProperty("model").GetString());
        Assert.Equal(asked, sent.TryGetProperty("dimensions", out var number) ? number.GetInt32() : null);
    }
}
