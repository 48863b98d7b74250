using System.Text.Json;
using Zava.Benchmarks;

namespace Zava.Tests.Mcp;

/// <summary>What is no message, on the standard input of the server's program.</summary>
public sealed class StdioMessageTests(StdioProgram stdio) : IClassFixture<StdioProgram>
{
    const string Initialize = """{"jsonrpc":"2.0","id":"begin","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tests","version":"1"}}}""";
    const string WrongParameters = "-32602 params: something that the method needs is missing, or of another type than it takes.";
    const string NotJson = "-32700 What was sent is not JSON in UTF-8 whose objects have each name once and which is at most 32 deep.";
    const string NotOne = "-32600 What was sent must be one JSON-RPC message, which is an object.";
    const string HalfOfAPair = "-32600 A text has half of a surrogate pair (\\ud800 to \\udfff), which is no character.";

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    // A line, and the id and words of its answer; none when none is due.
    static readonly (string Line, string? Answer)[] Lines =
    [
        ("this is not JSON", $"null {NotJson}"),
        ("{", $"null {NotJson}"),
        ("""{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}""", $"null {NotJson}"),
        ($$$"""{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":{{{new string('[', 5_000)}}}{{{new string(']', 5_000)}}}}}""", $"null {NotJson}"),
        ("""{"jsonrpc":"2.0","id":1,"method":"ping","params":{"\ud800":1}}""", $"null {NotJson}"),
        ("[]", $"null {NotOne}"),
        ("""[{"jsonrpc":"2.0","id":1,"method":"ping"}]""", $"null {NotOne}"),
        ("7", $"null {NotOne}"),
        ("""{"jsonrpc":"1.0","id":1,"method":"ping"}""", "1 -32600 jsonrpc: \"1.0\" was sent. Allowed: \"2.0\"."),
        ("""{"id":"a","method":"ping"}""", "\"a\" -32600 jsonrpc: is missing. Allowed: \"2.0\"."),
        ("""{"jsonrpc":"2.0","id":2,"method":"ping","more":{}}""", "2 -32600 more: {} was sent. Allowed: jsonrpc, id, method, params, result, error; nothing else."),
        ("""{"jsonrpc":"2.0","id":1.5,"method":"ping"}""", "null -32600 id: 1.5 was sent. Allowed: a text or a whole number."),
        ("""{"jsonrpc":"2.0","id":null,"method":"ping"}""", "null -32600 id: null was sent. Allowed: a text or a whole number."),
        ("""{"jsonrpc":"2.0","id":{},"method":"ping"}""", "null -32600 id: {} was sent. Allowed: a text or a whole number."),
        ("""{"jsonrpc":"2.0","id":"\ud800","method":"ping"}""", $"null {HalfOfAPair}"),
        ("""{"jsonrpc":"2.0","id":3,"method":7}""", "3 -32600 method: 7 was sent. Allowed: a text."),
        ("""{"jsonrpc":"2.0","id":4}""", "4 -32600 method: is missing. Allowed: a text."),
        ("""{"jsonrpc":"2.0","id":5,"method":"tools/list","params":[]}""", "5 -32600 params: [] was sent. Allowed: an object, or left out."),
        ("""{"jsonrpc":"2.0","id":6,"method":"tools/list","params":{"_meta":7}}""", "6 -32600 params: {\"_meta\":7} was sent. Allowed: an object, whose _meta is an object too."),
        ("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_product","arguments":{"sku":"\udc00"}}}""", $"7 {HalfOfAPair}"),
        ("""{"jsonrpc":"2.0","result":{}}""", "null -32600 id: is missing. Allowed: a text or a whole number, that of the request that the result answers."),
        ("""{"jsonrpc":"2.0","id":8,"error":7}""", "8 -32600 error: 7 was sent. Allowed: an object with a whole number code and a text message."),
        ("""{"jsonrpc":"2.0","id":9,"method":"initialize"}""", $"9 {WrongParameters}"),
        ("""{"jsonrpc":"2.0","id":10,"method":"initialize","params":{"a":1}}""", $"10 {WrongParameters}"),
        ("""{"jsonrpc":"2.0","id":11,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/clientInfo":7}}}""", $"11 {WrongParameters}"),
        ("""{"jsonrpc":"2.0","id":12,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":[]}}}""", $"12 {WrongParameters}"),
        ("""{"jsonrpc":"2.0","id":13,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/logLevel":"loud"}}}""", $"13 {WrongParameters}"),
        ("""{"jsonrpc":"2.0","id":14,"method":"tools/call","params":{"name":7}}""", "14 -32602 params.name: it is not of the type that tools/call takes there."),
        ("""{"jsonrpc":"2.0","id":15,"method":"no/such/method"}""", "15 -32601"),
        // A message, with an end of a line between which to the SDK would be two.
        ("{\"jsonrpc\":\"2.0\",\r\"id\":16,\"method\":\"no/such/method\"}\r", "16 -32601"),
        ("\ufeff{\"jsonrpc\":\"2.0\",\"id\":17,\"method\":\"no/such/method\"}", "17 -32601"),
        // Nobody asked, so nobody is answered.
        ("", null),
        (" \t\r", null),
        ("""{"jsonrpc":"2.0","method":"notifications/cancelled"}""", null),
        ("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}""", null),
        ("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"nobody's"}}""", null),
        ("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}""", null),
        ("""{"jsonrpc":"2.0","method":"no/such/notification"}""", null),
        ("""{"jsonrpc":"2.0","id":18,"result":{}}""", null),
    ];

    [Fact]
    public async Task What_is_no_message_is_answered_in_the_words_of_HTTP_and_the_server_goes_on()
    {
        using var process = stdio.Start(stdio.Server.TokenOf("seattle-manager"));
        var error = process.StandardError.ReadToEndAsync(Cancellation);
        await AskAsync(Initialize, "\"begin\" ");
        foreach (var (line, answer) in Lines)
        {
            if (answer is not null)
                await AskAsync(line, answer);
            else
                await process.StandardInput.WriteLineAsync(line.AsMemory(), Cancellation);
        }
        // Nothing was said meanwhile: what is answered next is what is asked next.
        await AskAsync("""{"jsonrpc":"2.0","id":"end","method":"tools/call","params":{"name":"list_stores"}}""", "\"end\" ");
        process.StandardInput.Close();
        Assert.Equal("", await process.StandardOutput.ReadToEndAsync(Cancellation));
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal(0, process.ExitCode);
        Assert.DoesNotContain("not JSON", await error);

        async Task AskAsync(string line, string answer)
        {
            await process.StandardInput.WriteLineAsync(line.AsMemory(), Cancellation);
            await process.StandardInput.FlushAsync(Cancellation);
            var message = JsonElement.Parse(await process.StandardOutput.ReadLineAsync(Cancellation) ?? throw new InvalidOperationException($"It ended after {line}: {await error}"));
            var said = message.TryGetProperty("error", out var refused) ? $"{refused.GetProperty("code")} {refused.GetProperty("message")}" : "";
            Assert.StartsWith(answer, $"{message.GetProperty("id").GetRawText()} {said}");
        }
    }

    [Fact]
    public async Task The_last_line_needs_no_end()
    {
        using var process = stdio.Start(stdio.Server.TokenOf("seattle-manager"));
        await process.StandardInput.WriteAsync("this is not JSON".AsMemory(), Cancellation);
        process.StandardInput.Close();
        Assert.Contains("-32700", await process.StandardOutput.ReadLineAsync(Cancellation));
    }

    [Fact]
    public async Task No_line_is_answered_in_the_servers_own_words_or_ends_it()
    {
        using var process = stdio.Start(stdio.Server.TokenOf("head-office"));
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var faults = await FuzzLines.RunAsync(process, lines: 200, seed: 1, Cancellation);
        Assert.True(faults.Count == 0, string.Join("\n\n", faults));
        process.StandardInput.Close();
        await process.StandardOutput.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal(0, process.ExitCode);
    }
}
