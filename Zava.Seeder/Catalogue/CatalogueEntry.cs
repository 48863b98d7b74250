using System.Globalization;
using YamlDotNet.RepresentationModel;

namespace Zava.Seeder.Catalogue;

/// <summary>One YAML mapping, read field by field; every complaint names file, line and field.</summary>
sealed class CatalogueEntry(string file, YamlMappingNode node)
{
    readonly HashSet<string> _read = [];

    public string Text(string field) => TextOrNone(field) ?? throw Error(field, "is missing or empty.");

    public string? TextOrNone(string field) => Find(field) switch
    {
        null => null,
        YamlScalarNode { Value.Length: > 0 } scalar => scalar.Value.Trim(),
        var other => throw Error(field, "a text is expected.", other),
    };

    public string OneOf(string field, IEnumerable<string> allowed)
    {
        var text = Text(field);
        return allowed.Contains(text) ? text : throw Error(field, $"'{text}' is not one of: {string.Join(", ", allowed)}.");
    }

    public decimal Number(string field) => Number(field, Find(field) ?? throw Error(field, "is missing."));

    public IReadOnlyList<string> Texts(string field) =>
        TextsOrNone(field) is { Count: > 0 } texts ? texts : throw Error(field, "a list of at least one is expected.");

    public IReadOnlyList<string> TextsOrNone(string field) =>
        [.. Items(field).Select(item => item is YamlScalarNode { Value.Length: > 0 } scalar
            ? scalar.Value
            : throw Error(field, "a list of texts is expected.", item))];

    public IReadOnlyList<decimal> Numbers(string field, int count) =>
        NumbersOrNone(field) is var numbers && numbers.Count == count
            ? numbers
            : throw Error(field, $"a list of {count} numbers is expected.");

    public IReadOnlyList<decimal> NumbersOrNone(string field) => [.. Items(field).Select(item => Number(field, item))];

    public IReadOnlyList<CatalogueEntry> Entries(string field)
    {
        var entries = Items(field).Select(item => item is YamlMappingNode map
            ? new CatalogueEntry(file, map)
            : throw Error(field, "a list of mappings is expected.", item)).ToList();
        return entries.Count > 0 ? entries : throw Error(field, "a list of at least one is expected.");
    }

    public CatalogueEntry? EntryOrNone(string field) => Find(field) switch
    {
        null => null,
        YamlMappingNode map => new(file, map),
        var other => throw Error(field, "a mapping is expected.", other),
    };

    /// <summary>The names of all fields, in the order of the text.</summary>
    public IReadOnlyList<string> Fields => [.. node.Children.Keys.Select(key => key.ToString())];

    /// <summary>A misspelt optional field would be lost silently.</summary>
    public void RefuseUnknown()
    {
        foreach (var key in node.Children.Keys)
            if (!_read.Contains(key.ToString()))
                throw Error(key.ToString(), $"is not a known field; known are: {string.Join(", ", _read)}.", key);
    }

    public CatalogueException Error(string field, string problem) => Error(field, problem, Find(field) ?? node);

    CatalogueException Error(string field, string problem, YamlNode at) => new(file, at.Start.Line, field, problem);

    decimal Number(string field, YamlNode at) =>
        at is YamlScalarNode scalar
        && decimal.TryParse(scalar.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
        && number > 0
            ? number
            : throw Error(field, $"'{at}' is not a positive number.", at);

    IEnumerable<YamlNode> Items(string field) => Find(field) switch
    {
        null => [],
        YamlSequenceNode list => list.Children,
        var other => throw Error(field, "a list is expected.", other),
    };

    YamlNode? Find(string field)
    {
        _read.Add(field);
        return node.Children.TryGetValue(new YamlScalarNode(field), out var found) ? found : null;
    }
}
