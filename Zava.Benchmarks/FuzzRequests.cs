using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Zava.Benchmarks;

/// <param name="Name">What kind of request it is.</param>
/// <param name="Bytes">All of it, as it goes over the wire.</param>
/// <param name="IsMcp">Whether a good answer is JSON-RPC.</param>
/// <param name="MayBeCutOff">Whether a server may close the connection without an answer, because it is no HTTP.</param>
public sealed record FuzzRequest(string Name, byte[] Bytes, bool IsMcp = true, bool MayBeCutOff = false);

/// <summary>Makes the requests of <see cref="Fuzz"/>: the same for the same <see cref="Random"/>.</summary>
/// <param name="server">Whom they are for.</param>
/// <param name="token">A token of every scope.</param>
/// <param name="tools">The server's tools, as it lists them.</param>
sealed class FuzzRequests(Uri server, string token, JsonElement[] tools)
{
    static readonly string[] Methods =
    [
        "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/templates/list", "resources/read", "completion/complete", "initialize", "ping",
        "server/discover", "logging/setLevel", "resources/subscribe", "subscriptions/listen", "notifications/initialized", "notifications/cancelled", "no/such/method", "", "TOOLS/CALL", "tools/call\0", "\u202e", "*",
    ];

    readonly FuzzValues _values = new();

    public FuzzRequest Make(Random random)
    {
        if (random.Next(5) == 0)
            return random.Next(4) switch { 0 or 1 => OddHeaders(random), 2 => OddVerb(random), _ => OddFraming(random) };
        var (name, body) = MakeBody(random);
        return new(name, Http(random, body));
    }

    /// <summary>What is in a request, or on a line of standard input.</summary>
    public (string Name, byte[] Body) MakeBody(Random random) => random.Next(16) switch
    {
        0 or 1 => ("broken bytes", Broken(random, Utf8(Call(random).ToJsonString()))),
        2 => ("hostile JSON", _values.HostileBody(random)),
        3 or 4 => ("odd envelope", Utf8(Envelope(random).ToJsonString())),
        5 or 6 => ("any method", Utf8(Message(random, random.GetItems(Methods, 1)[0], _values.Any(random, 3)).ToJsonString())),
        7 => ("prompt", Utf8(Message(random, "prompts/get", new JsonObject { ["name"] = Text(random, "gift_finder", "weekly_review"), ["arguments"] = Bag(random, "recipient", "store_id", "category") }).ToJsonString())),
        8 => ("resource", Utf8(Message(random, "resources/read", new JsonObject { ["uri"] = Address(random) }).ToJsonString())),
        9 => ("completion", Utf8(Message(random, "completion/complete", Completion(random)).ToJsonString())),
        _ => ("tool call", Utf8(Call(random).ToJsonString())),
    };

    /// <summary>A request as a client would send it.</summary>
    public static byte[] Plain(Uri server, string token, string body) => Frame($"""
        POST {server.AbsolutePath} HTTP/1.1
        Host: {server.Authority}
        Authorization: Bearer {token}
        Accept: application/json, text/event-stream
        Content-Type: application/json
        Connection: close
        Content-Length: {Encoding.UTF8.GetByteCount(body)}
        """, Utf8(body));

    byte[] Http(Random random, byte[] body) => Frame($"{Head("POST")}\n{Revision(random)}Content-Type: application/json\nAccept: application/json, text/event-stream\nContent-Length: {body.Length}", body);

    string Head(string verb) => $"{verb} {server.AbsolutePath} HTTP/1.1\nHost: {server.Authority}\nAuthorization: Bearer {token}\nConnection: close";

    static string Revision(Random random) => random.Next(4) switch { 0 => "MCP-Protocol-Version: 2025-11-25\n", 1 => "MCP-Protocol-Version: 2025-03-26\n", _ => "" };

    static byte[] Frame(string head, byte[] body) => [.. Encoding.Latin1.GetBytes(head.ReplaceLineEndings("\r\n")), .. "\r\n\r\n"u8, .. body];

    static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    static JsonObject Message(Random random, string method, JsonNode? parameters) =>
        new() { ["jsonrpc"] = "2.0", ["id"] = random.Next(1000), ["method"] = method, ["params"] = parameters };

    JsonObject Call(Random random)
    {
        var tool = tools[random.Next(tools.Length)];
        var arguments = new JsonObject();
        if (tool.GetProperty("inputSchema").TryGetProperty("properties", out var properties))
            foreach (var property in properties.EnumerateObject())
                if (random.Next(3) > 0)
                    arguments[property.Name] = random.Next(3) == 0 ? _values.Any(random, 2) : _values.Fitting(random, property.Value);
        if (random.Next(5) == 0)
            arguments[_values.Text(random)] = _values.Any(random, 2);
        return Message(random, "tools/call", new JsonObject { ["name"] = tool.GetProperty("name").GetString(), ["arguments"] = arguments, ["_meta"] = random.Next(10) == 0 ? _values.Any(random, 2) : new JsonObject() });
    }

    JsonObject Envelope(Random random)
    {
        var message = Call(random);
        var key = random.GetItems((string[])["jsonrpc", "id", "method", "params"], 1)[0];
        if (random.Next(3) == 0)
            message.Remove(key);
        else
            message[key] = _values.Any(random, 3);
        if (random.Next(4) == 0)
            message[_values.Text(random)] = _values.Any(random, 1);
        return message;
    }

    JsonObject Bag(Random random, params string[] names)
    {
        var bag = new JsonObject();
        foreach (var name in names)
            if (random.Next(2) == 0)
                bag[name] = random.Next(2) == 0 ? _values.Text(random) : _values.Any(random, 1);
        return bag;
    }

    string Text(Random random, params string[] likely) => random.Next(3) == 0 ? _values.Text(random) : random.GetItems(likely, 1)[0];

    JsonNode? Address(Random random) => random.Next(4) == 0
        ? _values.Any(random, 1)
        : "zava://" + random.GetItems((string[])["stores/{0}", "products/{0}/{1}", "reports/daily/{0}/{1}", "schema/{1}", "{0}", "stores/{0}/{1}/{0}"], 1)[0]
            .Replace("{0}", Text(random, "seattle", "redmond", "*", "%00", "%2e%2e%2f"), StringComparison.Ordinal).Replace("{1}", Text(random, "2026-03-31", "products", "9999-12-31", "%F0%28%8C%28"), StringComparison.Ordinal);

    JsonNode? Completion(Random random) => new JsonObject
    {
        ["ref"] = random.Next(4) == 0 ? _values.Any(random, 2) : random.Next(2) == 0
            ? new JsonObject { ["type"] = "ref/prompt", ["name"] = Text(random, "gift_finder", "weekly_review") }
            : new JsonObject { ["type"] = "ref/resource", ["uri"] = Text(random, "zava://stores/{store}", "zava://products/{store}/{sku}") },
        ["argument"] = random.Next(4) == 0 ? _values.Any(random, 1) : new JsonObject { ["name"] = Text(random, "store", "sku", "brand", "store_id"), ["value"] = Text(random, "", "s") },
        ["context"] = random.Next(3) == 0 ? new JsonObject { ["arguments"] = Bag(random, "store", "store_id") } : null,
    };

    static byte[] Broken(Random random, byte[] whole)
    {
        var bytes = whole.ToList();
        for (var times = random.Next(1, 5); times > 0 && bytes.Count > 1; times--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at)); break;
                case 2: bytes.Insert(at, (byte)random.Next(256)); break;
                default: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 40), bytes.Count - at))); break;
            }
        }
        return [.. bytes];
    }

    FuzzRequest OddHeaders(Random random)
    {
        var body = Utf8(Call(random).ToJsonString());
        var head = new StringBuilder(Head("POST")).Append('\n');
        head.Append(random.Next(3) == 0 ? "" : $"Content-Type: {random.GetItems((string[])["application/json", "text/plain", "application/json; charset=utf-16", "application/json; charset=\"", "application/xml", "", "a/b/c", "application/json;;;"], 1)[0]}\n");
        head.Append(random.Next(3) == 0 ? "" : $"Accept: {random.GetItems((string[])["application/json, text/event-stream", "application/json", "text/event-stream", "*/*", "", "q=0", "text/html", "application/json;q=nonsense, text/event-stream;q=2"], 1)[0]}\n");
        for (var times = random.Next(4); times > 0; times--)
            head.Append(CultureInfo.InvariantCulture, $"{random.GetItems((string[])["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Last-Event-ID", "Origin", "Mcp-Param-x", "Cookie", "Content-Encoding", "Expect", "traceparent"], 1)[0]}: {FuzzValues.HeaderValue(random)}\n");
        return new("odd headers", Frame($"{head}Content-Length: {body.Length}", body), MayBeCutOff: true);
    }

    FuzzRequest OddVerb(Random random)
    {
        var verb = random.GetItems((string[])["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PROPFIND", "post", "G\0T", new string('A', 300)], 1)[0];
        var path = random.GetItems((string[])[server.AbsolutePath, server.AbsolutePath + "/", server.AbsolutePath + "/message", server.AbsolutePath + "/sse", "/", "/%00", "/..%2f..%2fetc/passwd", "/health", "*", "//" + server.Authority, "/.well-known/oauth-protected-resource/mcp"], 1)[0];
        return new("odd verb", Frame($"{verb} {path} HTTP/1.1\nHost: {server.Authority}\nAuthorization: Bearer {token}\nAccept: */*\nConnection: close\nContent-Length: 0", []), IsMcp: false, MayBeCutOff: true);
    }

    FuzzRequest OddFraming(Random random)
    {
        var body = Utf8(Call(random).ToJsonString());
        var framing = random.GetItems((string[])[
            $"Content-Length: {body.Length}\nContent-Length: {body.Length + 1}", "Content-Length: -1", "Content-Length: 99999999999999999999", $"Content-Length: {body.Length}\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip", "Transfer-Encoding: chunked", $"Content-Length: {body.Length / 2}", "Content-Length: 300000000", $": {body.Length}", $"Content-Length : {body.Length}", "Content-Length: 0",
        ], 1)[0];
        var version = random.Next(5) == 0 ? random.GetItems((string[])["HTTP/0.9", "HTTP/2.0", "HTTP/9", "http/1.1", ""], 1)[0] : "HTTP/1.1";
        return new("odd framing", Frame($"{Head("POST").Replace("HTTP/1.1", version, StringComparison.Ordinal)}\nContent-Type: application/json\nAccept: application/json, text/event-stream\n{framing}", body), MayBeCutOff: true);
    }
}
