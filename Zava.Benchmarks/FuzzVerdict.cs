using System.Text.Json;
using System.Text.RegularExpressions;

namespace Zava.Benchmarks;

/// <summary>Whether an answer is one that may be given to a <see cref="FuzzRequest"/>.</summary>
static partial class FuzzVerdict
{
    /// <returns>What is wrong with the answer; <c>null</c> when nothing is.</returns>
    public static string? Of(FuzzRequest request, RawHttp.Answer answer)
    {
        if (answer.TimedOut)
            return "it was not answered in time";
        // That a version of HTTP or a transfer coding is not spoken is said with these.
        if (answer.Status >= 500 && !(request.MayBeCutOff && answer.Status is 501 or 505))
            return "it was answered with a fault";
        if (answer.Status == 0 && !request.MayBeCutOff)
            return "the connection was closed without an answer";
        if (InsideOf(answer.Body) is { } inside)
            return inside;
        if (answer.Status is < 200 or >= 300 || answer.Body.Length == 0)
            return null;
        if (answer.Status == 200 && !request.IsMcp)
            return null;
        try
        {
            var messages = Messages(answer).ToList();
            return messages.Count > 0 && messages.TrueForAll(IsJsonRpc) ? null : "the answer is not JSON-RPC";
        }
        catch (JsonException)
        {
            return "the answer is not JSON";
        }
    }

    /// <summary>The messages of an answer: its body, or the data of its events.</summary>
    public static IEnumerable<JsonElement> Messages(RawHttp.Answer answer) => answer.ContentType.StartsWith("text/event-stream", StringComparison.Ordinal)
        ? answer.Body.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal) && line.Trim().Length > 6).Select(line => JsonElement.Parse(line[6..]))
        : [JsonElement.Parse(answer.Body)];

    /// <summary>The same for a line of standard output.</summary>
    public static string? Of(string line)
    {
        try
        {
            return InsideOf(line) ?? (IsJsonRpc(JsonElement.Parse(line)) ? null : "the line is not JSON-RPC");
        }
        catch (JsonException)
        {
            return "the line is not JSON";
        }
    }

    static string? InsideOf(string answer) => Inside().Match(answer) is { Success: true } inside ? $"the answer tells of the server's insides: {inside.Value}" : null;

    static bool IsJsonRpc(JsonElement message) => message.ValueKind == JsonValueKind.Object
        && message.TryGetProperty("jsonrpc", out var version) && version.ValueEquals("2.0")
        && (message.TryGetProperty("result", out _) ? 1 : 0) + (message.TryGetProperty("error", out _) ? 1 : 0) + (message.TryGetProperty("method", out _) ? 1 : 0) == 1;

    // None of these is in what is sent.
    [GeneratedRegex(@"An error occurred|fault in the server|\bSystem\.[A-Z]|Microsoft\.[A-Z]|ModelContextProtocol\.|Npgsql|\bZava\.[A-Z]|[a-z]Exception\b|(\\n|\n)\s*at [A-Za-z_]+\.|\.cs:line")]
    private static partial Regex Inside();
}
