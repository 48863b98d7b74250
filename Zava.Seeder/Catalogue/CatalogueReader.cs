using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Zava.Seeder.Catalogue;

/// <summary>Reads and validates the YAML files of this folder, which are part of the program.</summary>
public static class CatalogueReader
{
    static readonly string[] TopLevelCategories =
        ["Electronics", "Clothing", "Home & Garden", "Sports & Outdoors", "Books & Media", "Health & Beauty", "Automotive"];

    /// <exception cref="CatalogueException">A file is malformed or breaks a rule.</exception>
    public static ProductCatalogue Read()
    {
        var assembly = typeof(CatalogueReader).Assembly;
        var files = assembly.GetManifestResourceNames().Where(name => name.EndsWith(".yaml")).Order(StringComparer.Ordinal);
        return Read(files.Select(file => (file, (TextReader)new StreamReader(assembly.GetManifestResourceStream(file)!))));
    }

    /// <summary>Reads named texts instead of the built-in files.</summary>
    public static ProductCatalogue Read(IEnumerable<(string File, TextReader Text)> files)
    {
        var subcategories = new Dictionary<string, Subcategory>();
        var kinds = new Dictionary<string, ProductKind>();
        var versions = new HashSet<(string, string)>();
        var entries = new List<CatalogueEntry>();
        foreach (var (file, text) in files)
        {
            var root = Load(file, text);
            var category = root.OneOf("category", TopLevelCategories);
            foreach (var entry in root.Entries("subcategories"))
            {
                var sub = new Subcategory(ReadCategoryId(entry), category, entry.Text("name"), entry.Text("description"));
                if (subcategories.Values.FirstOrDefault(other => other.Id == sub.Id) is { } same)
                    throw entry.Error("id", $"{sub.Id} is that of '{same.Name}'; ids are unique over all files.");
                if (!subcategories.TryAdd(sub.Name, sub))
                    throw entry.Error("name", $"'{sub.Name}' is there already; sub-categories are unique over all files.");
                entry.RefuseUnknown();
            }

            foreach (var entry in root.Entries("kinds"))
            {
                var kind = ReadKind(entry, subcategories.Values.Where(s => s.Category == category).Select(s => s.Name));
                if (!kinds.TryAdd(kind.Id, kind))
                    throw entry.Error("id", $"'{kind.Id}' is there already; ids are unique over all files.");
                if (kind.Versions.FirstOrDefault(version => !versions.Add((version.Brand, version.Model))) is { } twice)
                    throw entry.Error("versions", $"'{twice.Brand} {twice.Model}' is there already; brand and model are unique together.");
                entry.RefuseUnknown();
                entries.Add(entry);
            }
            root.RefuseUnknown();
        }
        foreach (var entry in entries)
            if (entry.TextsOrNone("goes_with").FirstOrDefault(id => !kinds.ContainsKey(id)) is { } nothing)
                throw entry.Error("goes_with", $"'{nothing}' is no id of a kind in any file.");
        return new([.. subcategories.Values], [.. kinds.Values]);
    }

    static int ReadCategoryId(CatalogueEntry entry) =>
        entry.Number("id") is var id && id > TopLevelCategories.Length && id <= short.MaxValue && decimal.IsInteger(id)
            ? (int)id
            : throw entry.Error("id", $"a whole number from {TopLevelCategories.Length + 1} to {short.MaxValue} is expected; those below are the main categories'.");

    static ProductKind ReadKind(CatalogueEntry entry, IEnumerable<string> subcategories)
    {
        var weight = entry.Numbers("weight_kg", count: 2);
        if (weight[0] > weight[1])
            throw entry.Error("weight_kg", "the first number is the lightest version, the second the heaviest.");
        return new(
            entry.Text("id"),
            entry.OneOf("subcategory", subcategories),
            entry.Text("title"),
            entry.Text("purpose"),
            entry.Texts("tags"),
            (weight[0], weight[1]),
            entry.Numbers("dimensions_cm", count: 3),
            entry.Texts("colors"),
            entry.TextsOrNone("sizes"),
            entry.TextOrNone("material"),
            ReadOption(entry),
            entry.TextsOrNone("goes_with"),
            entry.Text("supplier"),
            [.. entry.NumbersOrNone("season").Select(month => month is >= 1 and <= 12 && month == Math.Floor(month)
                ? (int)month
                : throw entry.Error("season", "months are whole numbers from 1 to 12."))],
            entry.Number("popularity") is var popularity and (1 or 2 or 3 or 4 or 5)
                ? (int)popularity
                : throw entry.Error("popularity", "a whole number from 1 (rare) to 5 (bestseller)."),
            [.. entry.Entries("versions").Select(ReadVersion)]);
    }

    static ProductOption? ReadOption(CatalogueEntry entry)
    {
        if (entry.EntryOrNone("options") is not { } options)
            return null;
        if (options.Fields is not [var name] || !name.All(c => char.IsAsciiLetterLower(c) || c == '_'))
            throw entry.Error("options", "one name in lower case, such as capacity, with a list of values is expected.");
        return new(name, options.Texts(name));
    }

    static ProductVersion ReadVersion(CatalogueEntry entry)
    {
        var version = new ProductVersion(entry.Text("brand"), entry.Text("model"), entry.Number("price"), entry.Text("detail"));
        entry.RefuseUnknown();
        return version;
    }

    static CatalogueEntry Load(string file, TextReader text)
    {
        var yaml = new YamlStream();
        var parser = new Parser(text);
        try
        {
            yaml.Load(parser);
        }
        // Some malformed texts make the parser throw the latter, without a position: then the last good one is near.
        catch (Exception malformed) when (malformed is YamlException or InvalidOperationException)
        {
            var line = (malformed as YamlException)?.Start.Line ?? parser.Current?.Start.Line ?? 1;
            throw new CatalogueException(file, line, "YAML", "cannot be read from here on; look for an unclosed bracket or quotation mark or wrong indentation.");
        }
        return yaml.Documents is [{ RootNode: YamlMappingNode root }]
            ? new(file, root)
            : throw new CatalogueException(file, 1, "YAML", "one document with category, subcategories and kinds is expected.");
    }
}
