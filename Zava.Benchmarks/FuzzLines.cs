using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Zava.Benchmarks;

/// <summary><see cref="Fuzz"/> for a server on standard input and output: lines that no client would send.</summary>
public static class FuzzLines
{
    // So many are under way at once.
    const int Batch = 20;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <param name="server">The program, started with its input and output redirected; a token of every scope.</param>
    /// <param name="lines">How many.</param>
    /// <param name="seed">Same number, same lines.</param>
    /// <param name="cancellationToken">Stops early.</param>
    /// <returns>Lines of standard output that must not be, and what had been sent since the server answered last.</returns>
    /// <exception cref="TimeoutException">The server no longer answers.</exception>
    public static async Task<IReadOnlyList<string>> RunAsync(Process server, int lines, int seed, CancellationToken cancellationToken)
    {
        var input = server.StandardInput.BaseStream;
        var faults = new List<string>();
        await AskAsync("initialize", """{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"fuzz","version":"1"}}""", [], []);
        var tools = (await AskAsync("tools/list", "{}", [], [])).GetProperty("result").GetProperty("tools").EnumerateArray().ToArray();
        var maker = new FuzzRequests(new Uri("stdio:///"), "", tools);
        for (var sent = 0; sent < lines && faults.Count < 20; sent += Batch)
        {
            var (batch, bodies) = (new List<string>(), new List<byte[]>());
            for (var number = sent; number < sent + Batch; number++)
            {
                var (name, body) = maker.MakeBody(new Random(unchecked((seed * 1_000_003) + number)));
                batch.Add($"{number} {name}: {JsonSerializer.Serialize(Encoding.Latin1.GetString(body, 0, Math.Min(body.Length, 300)))}");
                bodies.Add(body);
            }
            await AskAsync("ping", "{}", bodies, batch);
        }
        return faults;

        // No line that is made up has such an id. What is written is read meanwhile, or both sides would wait for each other.
        async Task<JsonElement> AskAsync(string method, string parameters, List<byte[]> before, List<string> named)
        {
            var id = Guid.NewGuid().ToString();
            var sending = Task.Run(SendAsync, cancellationToken);
            while (true)
            {
                var line = await server.StandardOutput.ReadLineAsync(cancellationToken).AsTask().WaitAsync(Patience, cancellationToken)
                    ?? throw new TimeoutException($"The server has ended after\n{string.Join('\n', named)}");
                if (FuzzVerdict.Of(line) is { } fault)
                    faults.Add($"{fault}\n< {line[..Math.Min(line.Length, 600)]}\nafter\n{string.Join('\n', named)}");
                else if (JsonElement.Parse(line) is var answer && answer.TryGetProperty("id", out var answered) && answered.ValueKind == JsonValueKind.String && answered.ValueEquals(id))
                {
                    await sending;
                    return answer;
                }
            }

            async Task SendAsync()
            {
                foreach (var line in before.Append(Encoding.UTF8.GetBytes($$"""{"jsonrpc":"2.0","id":"{{id}}","method":"{{method}}","params":{{parameters}}}""")))
                {
                    await input.WriteAsync(line, cancellationToken);
                    await input.WriteAsync("\n"u8.ToArray(), cancellationToken);
                    await input.FlushAsync(cancellationToken);
                }
            }
        }
    }
}
