using System.Globalization;
using System.Text.Json;
using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>Chooses a store's assortment from the catalogue: every kind first, then other makers, then colours and sizes.</summary>
static class ProductGenerator
{
    sealed record Choice(ProductKind Kind, ProductVersion Version, string Color, string? Size, int Generation);

    public static List<Product> Generate(Store store, int count, ProductCatalogue catalogue, SeedOptions options)
    {
        var random = new SampleRandom(options.Seed, store.Id, "products");
        var skus = new HashSet<string>();
        return [.. Assortment(catalogue, random).Take(count).Select(choice => Make(choice, random, skus, options))];
    }

    static IEnumerable<Choice> Assortment(ProductCatalogue catalogue, SampleRandom random)
    {
        var shelves = random.Shuffled(catalogue.Kinds).ConvertAll(kind => Choices(kind, random));
        var longest = shelves.Max(shelf => shelf.Count);
        // More products than the catalogue has combinations: makers bring out a next generation of each.
        for (var generation = 1; ; generation++)
            for (var round = 0; round < longest; round++)
                foreach (var shelf in shelves)
                    if (round < shelf.Count)
                        yield return shelf[round] with { Generation = generation };
    }

    static List<Choice> Choices(ProductKind kind, SampleRandom random)
    {
        var looks = random.Shuffled(
            from color in kind.Colors
            from size in kind.Sizes.DefaultIfEmpty<string?>(null)
            select (color, size));
        return [.. from look in looks
                   from version in random.Shuffled(kind.Versions)
                   select new Choice(kind, version, look.color, look.size, Generation: 1)];
    }

    static Product Make(Choice choice, SampleRandom random, HashSet<string> skus, SeedOptions options)
    {
        var (kind, version) = (choice.Kind, choice.Version);
        var model = choice.Generation == 1 ? version.Model : $"{version.Model} Mark {choice.Generation}";
        var minimumStock = random.Between(5, 20);
        var reorderPoint = random.Between(Math.Max(10, minimumStock), 30);
        return new Product(
            random.NextUuid(),
            Sku(choice, skus),
            $"{version.Brand} {model} {kind.Title}",
            $"{kind.Purpose} {version.Detail}",
            kind.Subcategory,
            version.Brand,
            model,
            choice.Color,
            choice.Size,
            random.Between(kind.WeightKg.Min, kind.WeightKg.Max, digits: 3),
            string.Join('x', kind.DimensionsCm.Select(cm => cm.ToString("0.#", CultureInfo.InvariantCulture))),
            version.Price,
            random.Between(.4m * version.Price, .7m * version.Price, digits: 2),
            random.Between(0, 100),
            minimumStock,
            reorderPoint * random.Between(5, 10),
            reorderPoint,
            kind.Supplier,
            $"{string.Concat(kind.Supplier.Split(' ').Select(word => char.ToUpperInvariant(word[0])))}-{random.Between(10000, 99999)}",
            random.Chance(.15),
            random.Between(3m, 5m, digits: 2),
            random.Between(0, 500),
            [.. kind.Tags],
            JsonSerializer.Serialize(new { kind = kind.Id, kind.Material, kind.Season }, JsonSerializerOptions.Web),
            options.AsOf.AddDays(-random.Between(366, 3 * 365)),
            kind.Popularity,
            kind.Season);
    }

    // The same article has the same SKU in every store, up to the rare collision.
    static string Sku(Choice choice, HashSet<string> skus)
    {
        var version = choice.Version;
        var prefix = new string([.. version.Brand.Where(char.IsAsciiLetter).Take(3).Select(char.ToUpperInvariant)]);
        var number = SampleRandom.StableHash($"{version.Brand}/{version.Model}/{choice.Color}/{choice.Size}/{choice.Generation}") % 1_000_000;
        string sku;
        while (!skus.Add(sku = $"{prefix}-{number:000000}"))
            number = (number + 1) % 1_000_000;
        return sku;
    }
}
