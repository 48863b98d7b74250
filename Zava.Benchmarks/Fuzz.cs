using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace Zava.Benchmarks;

/// <summary>
/// Requests that no client would send, to a server that runs: each must be answered in time, none with a 5xx, and in words
/// that tell nothing of the server's insides.
/// </summary>
public static class Fuzz
{
    /// <param name="Requests">That were sent.</param>
    /// <param name="Statuses">How many were answered with which status; 0: the connection was closed without an answer.</param>
    /// <param name="Faults">What must not be, with the request: at most 20.</param>
    public sealed record Report(int Requests, IReadOnlyDictionary<int, int> Statuses, IReadOnlyList<string> Faults);

    /// <param name="server">The address of the MCP endpoint.</param>
    /// <param name="token">A token of every scope.</param>
    /// <param name="requests">How many.</param>
    /// <param name="seed">Same number, same requests.</param>
    /// <param name="report">Is told how many have been answered, now and then.</param>
    /// <param name="cancellationToken">Stops early.</param>
    public static async Task<Report> RunAsync(Uri server, string token, int requests, int seed, Action<int>? report, CancellationToken cancellationToken)
    {
        const int Senders = 8;
        var maker = new FuzzRequests(server, token, await ToolsAsync(server, token, cancellationToken));
        var statuses = new ConcurrentDictionary<int, int>();
        var faults = new ConcurrentQueue<string>();
        var sent = 0;
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(_ => Task.Run(async () =>
        {
            while (faults.Count < 20 && Interlocked.Increment(ref sent) is var number && number <= requests)
            {
                var request = maker.Make(new Random(unchecked((seed * 1_000_003) + number)));
                var answer = await RawHttp.SendAsync(server, request.Bytes, cancellationToken);
                statuses.AddOrUpdate(answer.Status, 1, (_, count) => count + 1);
                if (FuzzVerdict.Of(request, answer) is { } fault)
                    faults.Enqueue($"request {number} of seed {seed}, {request.Name}: {fault}\n> {Shown(request.Bytes).Replace(token, "TOKEN", StringComparison.Ordinal)}\n< {answer.Status} {answer.Body[..Math.Min(answer.Body.Length, 600)]}");
                if (number % 100 == 0)
                    report?.Invoke(number);
            }
        }, cancellationToken)));
        return new(Math.Min(sent, requests), statuses.OrderBy(pair => pair.Key).ToDictionary(), [.. faults]);
    }

    static string Shown(byte[] bytes) => JsonSerializer.Serialize(Encoding.Latin1.GetString(bytes, 0, Math.Min(bytes.Length, 1_500)));

    static async Task<JsonElement[]> ToolsAsync(Uri server, string token, CancellationToken cancellationToken)
    {
        var answer = await RawHttp.SendAsync(server, FuzzRequests.Plain(server, token, """{"jsonrpc":"2.0","id":1,"method":"tools/list"}"""), cancellationToken);
        return answer.Status == 200
            ? [.. FuzzVerdict.Messages(answer).Last().GetProperty("result").GetProperty("tools").EnumerateArray()]
            : throw new InvalidOperationException($"The server does not list its tools: {answer.Status} {answer.Body}");
    }
}
