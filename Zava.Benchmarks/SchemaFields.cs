using System.Text.Json;

namespace Zava.Benchmarks;

/// <summary>The fields that a JSON schema describes, at any depth, as <c>products[].price</c>.</summary>
static class SchemaFields
{
    /// <returns>Path, type and description of each, in the schema's order.</returns>
    public static IEnumerable<(string Path, string Type, string Description)> Of(JsonElement schema) => Of(schema, schema, "");

    static IEnumerable<(string Path, string Type, string Description)> Of(JsonElement root, JsonElement schema, string path)
    {
        schema = Resolve(root, schema);
        if (path.Length > 0)
            yield return (path, TypeOf(schema), schema.TryGetProperty("description", out var said) ? said.GetString()!.ReplaceLineEndings(" ") : "");
        if (schema.TryGetProperty("properties", out var properties))
            foreach (var property in properties.EnumerateObject())
                foreach (var field in Of(root, property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}"))
                    yield return field;
        // What a list holds is described with the list, unless it has fields of its own.
        if (schema.TryGetProperty("items", out var items) && Resolve(root, items).TryGetProperty("properties", out _))
            foreach (var field in Of(root, items, $"{path}[]").Skip(1))
                yield return field;
    }

    // A type that occurs again is a reference to where it was first, such as #/properties/totals/items.
    static JsonElement Resolve(JsonElement root, JsonElement schema) => schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("$ref", out var reference)
        ? reference.GetString()!.Split('/').Skip(1).Aggregate(root, (at, step) =>
            at.ValueKind == JsonValueKind.Array ? at[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)] : at.GetProperty(step))
        : schema;

    static string TypeOf(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("type", out var type))
            return "any";
        var names = type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(name => name.GetString()!).ToList() : [type.GetString()!];
        var name = string.Join(" or ", names.Where(name => name != "null"));
        if (name == "array" && schema.TryGetProperty("items", out var items))
            name = $"list of {TypeOf(items)}";
        if (schema.TryGetProperty("format", out var format))
            name = $"{name} ({format.GetString()})";
        return names.Contains("null") ? $"{name}, may be null" : name;
    }
}
