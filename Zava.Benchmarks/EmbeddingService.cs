using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Zava.Benchmarks;

/// <summary>
/// A provider on a free port of the loopback that speaks the OpenAI embeddings protocol. Its vectors follow from the texts, so
/// that a stored one can be checked.
/// </summary>
public sealed class EmbeddingService : IAsyncDisposable
{
    readonly WebApplication _app;

    EmbeddingService(WebApplication app) => _app = app;

    /// <summary>What Embeddings:OpenAI:Endpoint should be.</summary>
    public string Endpoint => $"{_app.Urls.First()}/v1";

    /// <summary>The texts of each request, in the order of arrival.</summary>
    public ConcurrentQueue<string[]> Requests { get; } = new();

    /// <summary>Answers a request in its own way, or leaves it (<c>false</c>). Is told which request it is, from 1, and its texts.</summary>
    public Func<int, string[], HttpContext, Task<bool>>? Answer { get; set; }

    /// <param name="dimensions">Of its vectors.</param>
    /// <param name="latency">Before each answer.</param>
    /// <param name="cancellationToken">Gives up starting.</param>
    public static async Task<EmbeddingService> StartAsync(int dimensions, TimeSpan latency, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var service = new EmbeddingService(builder.Build());
        service._app.MapPost("/v1/embeddings", async context =>
        {
            using var body = await JsonDocument.ParseAsync(context.Request.Body);
            string[] texts = [.. body.RootElement.GetProperty("input").EnumerateArray().Select(text => text.GetString()!)];
            service.Requests.Enqueue(texts);
            var number = service.Requests.Count;
            if (latency > TimeSpan.Zero)
                await Task.Delay(latency, context.RequestAborted);
            if (service.Answer is not { } answer || !await answer(number, texts, context))
                await WriteAsync(context, texts.Select(text => VectorOf(text, dimensions)));
        });
        await service._app.StartAsync(cancellationToken);
        return service;
    }

    /// <summary>Writes vectors as the protocol has them.</summary>
    public static Task WriteAsync(HttpContext context, IEnumerable<float[]> vectors) => context.Response.WriteAsync(Json(vectors));

    public static string Json(IEnumerable<float[]> vectors)
    {
        var data = vectors.Select((vector, index) => new
        {
            @object = "embedding",
            index,
            embedding = Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan())),
        }).ToList();
        return JsonSerializer.Serialize(new { @object = "list", model = "any", data, usage = new { prompt_tokens = 7 * data.Count, total_tokens = 7 * data.Count } });
    }

    /// <summary>The vector of a text.</summary>
    public static float[] VectorOf(string text, int dimensions)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        return [.. Enumerable.Range(0, dimensions).Select(index => (hash[index % hash.Length] - 127.5f) / 128)];
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
