using System.Globalization;
using System.Text.Json;
using YamlDotNet.RepresentationModel;

namespace Zava.Tests.Relevance;

/// <summary>Reads judged-queries.yaml, whose head says how it is written. What it does not know it refuses, with the line.</summary>
static class JudgedQueryReader
{
    static readonly string[] Attributes = ["kind", "brand", "model", "color", "size", "option"];
    static readonly string[] Conditions = ["category", "brand", "min_price", "max_price", "min_rating", "in_stock", "tags"];

    public static string File { get; } = Path.Combine(AppContext.BaseDirectory, "Relevance", "judged-queries.yaml");

    /// <param name="skuOf">The SKU that stands for a kind in this corpus.</param>
    public static IReadOnlyList<JudgedQuery> Read(TextReader text, Func<string, string> skuOf)
    {
        var yaml = new YamlStream();
        yaml.Load(text);
        return [.. Map(yaml.Documents.Single().RootNode).SelectMany(group =>
            ((YamlSequenceNode)group.Value).Children.Select(query => ReadQuery(ReadClass(group.Key), query, skuOf)))];
    }

    static QueryClass ReadClass(YamlNode name) =>
        Enum.GetValues<QueryClass>().Cast<QueryClass?>().FirstOrDefault(c => JsonNamingPolicy.SnakeCaseLower.ConvertName(c.ToString()!) == name.ToString())
        ?? throw Error(name, $"'{name}' is no class of queries.");

    static JudgedQuery ReadQuery(QueryClass group, YamlNode node, Func<string, string> skuOf)
    {
        var fields = Fields(node, ["query", "sku_of", "filters", "3", "2", "1"]);
        var text = fields.TryGetValue("query", out var query) ? query.ToString() : throw Error(node, "query is missing.");
        var judgements = ((string[])["3", "2", "1"]).Where(fields.ContainsKey).SelectMany(grade =>
            ((YamlSequenceNode)fields[grade]).Children.Select(products => ReadJudgement(grade[0] - '0', products))).ToList();
        if (fields.TryGetValue("sku_of", out var kind))
        {
            var (resolved, part) = ResolveSku(text, skuOf(kind.ToString()));
            text = resolved;
            judgements.Add(new(3, new Dictionary<string, string> { ["sku"] = part }));
        }
        return new(group, text, (int)node.Start.Line, fields.TryGetValue("filters", out var filters) ? ReadFilters(filters) : null, judgements);
    }

    // TUC-123456 as {sku}, tuc-123456 as {lower}, 123456 as {number} and TUC-123 as {start}.
    static (string Text, string Part) ResolveSku(string text, string sku)
    {
        (string Placeholder, string Part)[] parts = [("{sku}", sku), ("{lower}", sku.ToLowerInvariant()), ("{number}", sku[4..]), ("{start}", sku[..7])];
        var (placeholder, part) = parts.Single(p => text.Contains(p.Placeholder, StringComparison.Ordinal));
        return (text.Replace(placeholder, part, StringComparison.Ordinal), part);
    }

    static Judgement ReadJudgement(int grade, YamlNode products) => new(grade, products is YamlScalarNode kind
        ? new Dictionary<string, string> { ["kind"] = kind.Value! }
        : Fields(products, Attributes).ToDictionary(field => field.Key, field => field.Value.ToString()));

    static SearchFilters ReadFilters(YamlNode node)
    {
        var fields = Fields(node, Conditions);
        return new(
            Text("category"), Text("brand"), Number("min_price"), Number("max_price"), Number("min_rating"), Text("in_stock") == "true",
            fields.TryGetValue("tags", out var tags) ? [.. ((YamlSequenceNode)tags).Children.Select(tag => tag.ToString())] : []);

        string? Text(string name) => fields.GetValueOrDefault(name)?.ToString();
        decimal? Number(string name) => Text(name) is { } number ? decimal.Parse(number, CultureInfo.InvariantCulture) : null;
    }

    static Dictionary<string, YamlNode> Fields(YamlNode node, string[] known)
    {
        var fields = Map(node).ToDictionary(field => field.Key.ToString(), field => field.Value);
        return fields.Keys.Except(known).FirstOrDefault() is { } unknown
            ? throw Error(node, $"'{unknown}' is not one of: {string.Join(", ", known)}.")
            : fields;
    }

    static IEnumerable<KeyValuePair<YamlNode, YamlNode>> Map(YamlNode node) =>
        node is YamlMappingNode map ? map.Children : throw Error(node, "a mapping is expected.");

    static InvalidDataException Error(YamlNode node, string problem) => new($"judged-queries.yaml, line {node.Start.Line}: {problem}");
}
