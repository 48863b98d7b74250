using System.Text.Json;
using Zava.McpServer.Errors;

namespace Zava.McpServer.Tools;

/// <summary>
/// Checks arguments against a tool's input schema and says, for each that is wrong, which it is, what was sent and what
/// is allowed. Knows the JSON Schema keywords that the tools' parameters produce.
/// </summary>
static class ArgumentValidator
{
    public static List<string> Check(JsonElement schema, IDictionary<string, JsonElement>? arguments) =>
        Check(schema, arguments ?? new Dictionary<string, JsonElement>(), within: "");

    // Within an item of a list, as lines[0].sku, or among the arguments themselves.
    static List<string> Check(JsonElement schema, IDictionary<string, JsonElement> arguments, string within)
    {
        var problems = new List<string>();
        var properties = schema.TryGetProperty("properties", out var declared) ? declared.EnumerateObject().ToDictionary(p => p.Name, p => p.Value) : [];
        if (schema.TryGetProperty("required", out var required))
            foreach (var name in required.EnumerateArray().Select(item => item.GetString()!))
                if (!arguments.ContainsKey(name))
                    problems.Add($"{within}{name}: is missing. Allowed: {Allowed(properties[name])}.");
        foreach (var (name, value) in arguments)
            if (!properties.TryGetValue(name, out var property))
                problems.Add($"{within}{Sent.Shown(name)}: is not {(within == "" ? "an argument of this tool" : "a field of it")}.{Sent.Meant(name, properties.Keys)} Allowed: {(properties.Count == 0 ? "no arguments" : string.Join(", ", properties.Keys))}.");
            else if (!Matches(property, value))
                problems.Add($"{within}{name}: {Sent.Shown(value.GetRawText())} was sent.{Meant(property, value)} Allowed: {Allowed(property)}.");
            else if (value.ValueKind == JsonValueKind.Array && property.TryGetProperty("items", out var items) && items.TryGetProperty("properties", out _))
                problems.AddRange(value.EnumerateArray().Index().SelectMany(item => Check(items, Fields(item.Item), $"{within}{name}[{item.Index}].")));
        return problems;
    }

    // The last of several of the same name, as they are read later.
    static Dictionary<string, JsonElement> Fields(JsonElement item)
    {
        var fields = new Dictionary<string, JsonElement>();
        foreach (var field in item.EnumerateObject())
            fields[field.Name] = field.Value;
        return fields;
    }

    static bool Matches(JsonElement schema, JsonElement value) =>
        Types(schema).Any(type => HasType(type, value)) && IsListed(schema, value) && value.ValueKind switch
        {
            JsonValueKind.String => TextOf(value) is { } text && text.Length is var length
                && length >= Number(schema, "minLength", 0) && length <= Number(schema, "maxLength", int.MaxValue)
                && (Text(schema, "format") != "uuid" || value.TryGetGuid(out _)),
            JsonValueKind.Number => value.GetDouble() is var number
                && number >= Number(schema, "minimum", double.MinValue) && number <= Number(schema, "maximum", double.MaxValue),
            JsonValueKind.Array => value.GetArrayLength() is var count
                && count >= Number(schema, "minItems", 0) && count <= Number(schema, "maxItems", int.MaxValue)
                && (!schema.TryGetProperty("items", out var items) || value.EnumerateArray().All(item => Matches(items, item))),
            _ => true,
        };

    // A slip of the pen in a value of which there are a few.
    static string Meant(JsonElement schema, JsonElement value) =>
        schema.TryGetProperty("enum", out var listed) && value.ValueKind == JsonValueKind.String && TextOf(value) is { } text
            ? Sent.Meant(text, listed.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!))
            : "";

    static bool IsListed(JsonElement schema, JsonElement value) =>
        !schema.TryGetProperty("enum", out var listed) || listed.EnumerateArray().Any(item => JsonElement.DeepEquals(item, value));

    /// <summary>A text, unless it is none: PostgreSQL stores no NUL, and a lone half of a surrogate pair is no character.</summary>
    public static string? TextOf(JsonElement value)
    {
        try
        {
            return value.GetString() is { } text && !text.Contains('\0') ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    static bool HasType(string type, JsonElement value) => type switch
    {
        "string" => value.ValueKind == JsonValueKind.String,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _),
        "number" => value.ValueKind == JsonValueKind.Number,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "array" => value.ValueKind == JsonValueKind.Array,
        "object" => value.ValueKind == JsonValueKind.Object,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => true,
    };

    /// <summary>What a parameter takes, in words.</summary>
    public static string Allowed(JsonElement schema)
    {
        var type = Types(schema).First(type => type != "null");
        var allowed = type switch
        {
            _ when schema.TryGetProperty("enum", out var listed)
                => string.Join(", ", listed.EnumerateArray().Where(item => item.ValueKind != JsonValueKind.Null)),
            "string" when Text(schema, "format") == "uuid" => "a UUID such as 3f2b8c1e-9a4d-4e6f-8b7a-1c2d3e4f5a6b",
            "string" when !schema.TryGetProperty("minLength", out _) && !schema.TryGetProperty("maxLength", out _) => "a text",
            "string" => $"a text of {Range(schema, "minLength", "maxLength")} characters",
            "integer" => $"a whole number {Range(schema, "minimum", "maximum")}",
            "number" => $"a number {Range(schema, "minimum", "maximum")}",
            "array" => $"a list of {Range(schema, "minItems", "maxItems")} items, each {(schema.TryGetProperty("items", out var items) ? Allowed(items) : "anything")}",
            "object" when schema.TryGetProperty("properties", out var fields) => $"an object of {string.Join(", ", fields.EnumerateObject().Select(field => field.Name))}",
            _ => type,
        };
        return Types(schema).Contains("null") ? $"{allowed}, or left out" : allowed;
    }

    static string Range(JsonElement schema, string min, string max) =>
        (schema.TryGetProperty(min, out var from), schema.TryGetProperty(max, out var to)) switch
        {
            (true, true) => $"{from} to {to}",
            (true, false) => $"of at least {from}",
            (false, true) => $"of at most {to}",
            _ => "any number of",
        };

    static IEnumerable<string> Types(JsonElement schema) => schema.TryGetProperty("type", out var type)
        ? type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(item => item.GetString()!) : [type.GetString()!]
        : ["any"];

    static double Number(JsonElement schema, string keyword, double otherwise) =>
        schema.TryGetProperty(keyword, out var value) ? value.GetDouble() : otherwise;

    static string? Text(JsonElement schema, string keyword) => schema.TryGetProperty(keyword, out var value) ? value.GetString() : null;
}
