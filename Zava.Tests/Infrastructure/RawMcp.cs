using System.Net;
using System.Text;
using System.Text.Json;

namespace Zava.Tests.Infrastructure;

/// <summary>JSON-RPC without a client in between, which would not send what is wrong.</summary>
static class RawMcp
{
    /// <summary>The answer to a request.</summary>
    public static Task<JsonElement> AskAsync(this RunningServer server, string token, string method, string parameters) =>
        AskUntilAsync(server, token, method, parameters, TestContext.Current.CancellationToken);

    /// <summary>The answer to a request, which is closed when the client has had enough.</summary>
    public static async Task<JsonElement> AskUntilAsync(this RunningServer server, string token, string method, string parameters, CancellationToken enough)
    {
        using var http = server.CreateHttpClient(token);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = new StringContent($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Accept.ParseAdd("application/json");
        request.Headers.Accept.ParseAdd("text/event-stream");
        using var response = await http.SendAsync(request, enough);
        var body = await response.Content.ReadAsStringAsync(enough);
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{response.StatusCode}: {body}");
        return JsonElement.Parse(body.Split('\n').Last(line => line.StartsWith("data: ", StringComparison.Ordinal))["data: ".Length..]);
    }

    /// <summary>What the answer says that is an error: of the protocol, or of a tool.</summary>
    public static string ErrorOf(JsonElement answer) => answer.TryGetProperty("error", out var error)
        ? $"{error.GetProperty("code")} {error.GetProperty("message").GetString()}"
        : answer.GetProperty("result") is var result && result.TryGetProperty("isError", out var isError) && isError.GetBoolean()
            ? result.GetProperty("content")[0].GetProperty("text").GetString()!
            : $"no error: {answer.GetRawText()}";
}
