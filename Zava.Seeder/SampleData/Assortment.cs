using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>One thing that a store could put on its shelves.</summary>
/// <param name="Option">One of the kind's option values.</param>
/// <param name="OptionPlace">Its place in the list.</param>
/// <param name="Generation">Makers bring out a next one when the catalogue's combinations do not suffice.</param>
sealed record Article(
    ProductKind Kind, ProductVersion Version, string Color, string? Size, string? Option, int OptionPlace, Edition Edition, int Generation);

/// <summary>How an article is sold besides singly and at the full price.</summary>
sealed record Edition(string? Name, string? Sentence, decimal PriceFactor, int Units);

/// <summary>
/// Chooses what a store sells. How much it wants each article depends on the seed, the store and the article's kind alone, so
/// that a change of one kind moves what is near the end of the list, and nothing in a store that does not sell it.
/// </summary>
static class Assortment
{
    static readonly Edition[] Editions =
    [
        new(null, null, 1m, Units: 1),
        new("Gift-Boxed", "It comes in a gift box with a ribbon and a blank card.", 1.1m, Units: 1),
        new("Twin Pack", "Two in one box: one to keep and one to give away.", 1.85m, Units: 2),
        new("Last Season", "Last season's packaging at a lower price; what is inside is the same.", .8m, Units: 1),
    ];

    public static IEnumerable<Article> Choose(Store store, int count, ProductCatalogue catalogue, SeedOptions options)
    {
        var categories = catalogue.Subcategories.ToDictionary(sub => sub.Name, sub => sub.Category);
        var combinations = catalogue.Kinds.Sum(Combinations);
        // Enough for the least wanted kind to be left out.
        var generations = 1 + 2 * count / combinations;
        return catalogue.Kinds
            .SelectMany(kind => Wanted(kind, store, categories[kind.Subcategory], generations, options))
            .OrderByDescending(wanted => wanted.HowMuch)
            .ThenBy(wanted => wanted.Article.Kind.Id, StringComparer.Ordinal)
            .Take(count)
            .Select(wanted => wanted.Article);
    }

    static IEnumerable<(Article Article, double HowMuch)> Wanted(ProductKind kind, Store store, string category, int generations, SeedOptions options)
    {
        var random = new SampleRandom(options.Seed, store.Id, "assortment", kind.Id);
        var taste = .7 + .6 * random.Source.NextDouble();
        // Stores of a neighbourhood have their strong departments; what is heavy is rarely sent.
        var department = store.Type == "flagship" ? 1 : .8 + .4 * new SampleRandom(options.Seed, store.Id, "department", category).Source.NextDouble();
        if (store.IsOnline && kind.WeightKg.Max > 10)
            department *= .6;
        var (versions, looks) = (random.Shuffled(kind.Versions), Looks(kind, random));
        var optionCount = kind.Option?.Values.Count ?? 1;
        for (var number = 0; number < Combinations(kind) * generations; number++)
        {
            var (rest, version) = Math.DivRem(number, versions.Count);
            (rest, var look) = Math.DivRem(rest, looks.Count);
            (rest, var option) = Math.DivRem(rest, optionCount);
            var (generation, edition) = Math.DivRem(rest, Editions.Length);
            // Turned with the others, so that the first few differ in it too.
            option = (option + version + look) % optionCount;
            // The next of a kind is wanted less than the first of another.
            var place = number + 1.0;
            yield return (
                new(kind, versions[version], looks[look].Color, looks[look].Size, kind.Option?.Values[option], option, Editions[edition], generation + 1),
                (2 + kind.Popularity) * taste * department / (place * Math.Sqrt(place)));
        }
    }

    static int Combinations(ProductKind kind) =>
        kind.Versions.Count * kind.Colors.Count * Math.Max(kind.Sizes.Count, 1) * (kind.Option?.Values.Count ?? 1) * Editions.Length;

    static List<(string Color, string? Size)> Looks(ProductKind kind, SampleRandom random) => random.Shuffled(
        from color in kind.Colors
        from size in kind.Sizes.DefaultIfEmpty<string?>(null)
        select (color, size));
}
