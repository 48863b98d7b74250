using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Zava.Benchmarks;

/// <summary>Values that are unlikely, and some that are not.</summary>
sealed class FuzzValues
{
    static readonly string[] Texts =
    [
        "", " ", "null", "0", "-1", "seattle", "redmond", "*", "seattle,redmond", "SEATTLE", "' OR 1=1 --", "'; DROP TABLE retail.stores; --", "$1", "%s%n", "{0}", "{{store}}", "../../etc/passwd",
        "<script>alert(1)</script>", "\0", "a\0b", "\r\n\r\n", "\t", "\u202e\u0000", "\ufeff", "\uffff", "😀", "e\u0301", "ß", "İ", "\ud7ff", "1e999", "NaN", "Infinity", "true", "[]", "{}", "9999-12-31", "0001-01-01",
        "2026-02-30", "2026-01-01/2020-01-01", "last_0_days", "last_999999999999_days", "last_-1_days", "00000000-0000-0000-0000-000000000000", "retail.products", "pg_catalog.pg_authid", "SELECT 1", "SELECT 1/0",
        "SELECT * FROM customers", "SELECT '\ud83d\ude00'", "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT count(*) FROM r", "SELECT", "/*", "$$", "SELECT repeat('x', 1000000)", "COPY stores TO PROGRAM 'id'", "\\", "%", "_",
    ];

    static readonly JsonNode?[] Numbers =
    [
        0, -1, 1, 2.5, int.MaxValue, int.MinValue, long.MaxValue, ulong.MaxValue, double.MaxValue, double.Epsilon, -0.0, 1e20, 50, 51, 100, 1000,
    ];

    public string Text(Random random) => random.Next(12) switch
    {
        0 => new string('x', 1 << random.Next(17)),
        1 => string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => char.ConvertFromUtf32(random.Next(1, 0xD7FF)))),
        2 => string.Concat(random.GetItems(Texts, 3)),
        _ => random.GetItems(Texts, 1)[0],
    };

    /// <summary>A value of any type.</summary>
    public JsonNode? Any(Random random, int depth) => random.Next(depth > 0 ? 9 : 6) switch
    {
        0 => null,
        1 => random.Next(2) == 0,
        2 => random.GetItems(Numbers, 1)[0]?.DeepClone(),
        3 or 4 or 5 => Text(random),
        6 => new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Any(random, depth - 1))]),
        7 => new JsonObject(Enumerable.Range(0, random.Next(4)).Select(i => KeyValuePair.Create($"{Text(random)}{i}", Any(random, depth - 1)))),
        _ => Deep(random.Next(2, 60)),
    };

    /// <summary>A value that a parameter may well take.</summary>
    public JsonNode? Fitting(Random random, JsonElement schema)
    {
        if (schema.TryGetProperty("enum", out var listed))
            return JsonNode.Parse(listed[random.Next(listed.GetArrayLength())].GetRawText());
        var text = schema.TryGetProperty("type", out var type) ? type.GetRawText() : "";
        return text switch
        {
            _ when text.Contains("integer", StringComparison.Ordinal) => random.Next(1, 60),
            _ when text.Contains("number", StringComparison.Ordinal) => random.NextDouble(),
            _ when text.Contains("boolean", StringComparison.Ordinal) => random.Next(2) == 0,
            _ when text.Contains("array", StringComparison.Ordinal) => new JsonArray([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (JsonNode?)Text(random))]),
            _ => random.Next(3) == 0 ? new Guid(random.Next(), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10).ToString() : Text(random),
        };
    }

    public static string HeaderValue(Random random) => random.Next(10) switch
    {
        0 => new string('x', random.Next(1, 60_000)),
        1 => "2026-07-28",
        2 => "2025-11-25",
        3 => "1999-01-01",
        4 => "",
        5 => "\u00ff\u00fe\u0080",
        6 => "=?base64?4pyTIG5vdCB1dGY4?=",
        7 => "tools/call",
        8 => "gzip",
        _ => random.Next().ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>A body that is no message, or hardly one.</summary>
    public byte[] HostileBody(Random random)
    {
        const string Message = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_stores","arguments":{}}}""";
        string Argument(string value) => $$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"semantic_search_products","arguments":{"query":{{{value}}} } } }""";
        return random.Next(22) switch
        {
            0 => Encoding.UTF8.GetBytes(new string('[', random.Next(1, 100_000))),
            1 => Encoding.UTF8.GetBytes(Argument(new string('[', random.Next(1, 200)) + new string(']', random.Next(1, 200)))),
            2 => Encoding.UTF8.GetBytes(Argument($"\"{new string('x', random.Next(200_000, 400_000))}\"")),
            3 => Encoding.UTF8.GetBytes(Argument("\"\\ud800\"")),
            4 => Encoding.UTF8.GetBytes(Argument("\"\\udc00\\ud800x\"")),
            5 => Encoding.UTF8.GetBytes(Argument(new string('9', random.Next(1, 5_000)))),
            6 => Encoding.UTF8.GetBytes(Argument("1e99999")),
            7 => [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(Message)],
            8 => Encoding.Unicode.GetBytes(Message),
            9 => [.. Encoding.UTF8.GetBytes(Message), 0],
            10 => [.. "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"list_stores"u8, 0xff, 0xfe, .. "\"}}"u8],
            11 => [.. Encoding.UTF8.GetBytes(Message), .. Encoding.UTF8.GetBytes(Message)],
            12 => Encoding.UTF8.GetBytes($"[{string.Join(',', Enumerable.Repeat(Message, random.Next(0, 50)))}]"),
            13 => Encoding.UTF8.GetBytes("""{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list","method":"tools/call","params":{"name":"list_stores","name":"get_product"}}"""),
            14 => Encoding.UTF8.GetBytes($"// comment\n{Message}"),
            15 => Encoding.UTF8.GetBytes(Message.Replace("}}}", "},}}", StringComparison.Ordinal)),
            16 => [],
            17 => Encoding.UTF8.GetBytes(random.GetItems((string[])["null", "true", "1", "\"tools/list\"", "[]", "{}", "[[]]", "NaN", "'", "\"", "{\"jsonrpc\":\"2.0\"}"], 1)[0]),
            18 => Encoding.UTF8.GetBytes(Message.Replace("\"id\":1", $"\"id\":{random.GetItems((string[])["null", "1.5", "-1", "true", "{}", "[]", "99999999999999999999", "\"\"", "\"\\ud800\""], 1)[0]}", StringComparison.Ordinal)),
            19 => Encoding.UTF8.GetBytes($$$"""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"progressToken":{{{Any(random, 1)?.ToJsonString() ?? "null"}}} },"cursor":{{{JsonValue.Create(Text(random)).ToJsonString()}}} } }"""),
            20 => Encoding.UTF8.GetBytes($$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_stores","arguments":{ {{string.Join(',', Enumerable.Range(0, random.Next(5_000)).Select(i => $"\"a{i}\":1"))}} } } }"""),
            _ => [.. Enumerable.Range(0, random.Next(2_000)).Select(_ => (byte)random.Next(256))],
        };
    }

    static JsonNode Deep(int depth) => Enumerable.Range(0, depth).Aggregate((JsonNode)new JsonArray(), (inner, i) => i % 2 == 0 ? new JsonArray(inner) : new JsonObject { ["a"] = inner });
}
