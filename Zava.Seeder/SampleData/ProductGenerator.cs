using System.Globalization;
using Zava.Seeder.Catalogue;

namespace Zava.Seeder.SampleData;

/// <summary>Makes a store's products of the articles that it chose.</summary>
static class ProductGenerator
{
    // How often goods of a category come back, relative to others: clothes do not fit, books are kept.
    static readonly Dictionary<string, double> ReturnRates = new()
    {
        ["Clothing"] = 2,
        ["Electronics"] = 1.3,
        ["Sports & Outdoors"] = 1,
        ["Home & Garden"] = .9,
        ["Automotive"] = .8,
        ["Health & Beauty"] = .5,
        ["Books & Media"] = .4,
    };

    public static List<Product> Generate(Store store, int count, ProductCatalogue catalogue, SeedOptions options)
    {
        var categories = catalogue.Subcategories.ToDictionary(sub => sub.Name, sub => sub.Category);
        var skus = new HashSet<string>();
        return [.. Assortment.Choose(store, count, catalogue, options).Select(article =>
        {
            var sku = Sku(article, skus);
            return Make(
                SampleRandom.StableUuid(options.Seed, store.Id, "product", sku), article, sku, categories[article.Kind.Subcategory],
                new SampleRandom(options.Seed, store.Id, "product", sku), options);
        })];
    }

    static Product Make(Guid id, Article article, string sku, string category, SampleRandom random, SeedOptions options)
    {
        var (kind, version, edition) = (article.Kind, article.Version, article.Edition);
        var model = article.Generation == 1 ? version.Model : $"{version.Model} Mark {article.Generation}";
        var price = Price(article);
        // A few articles of every store have a fault that shows in its returns and ratings.
        var isFaulty = random.Chance(.015);
        var attributes = new Dictionary<string, object> { ["kind"] = kind.Id };
        if (kind.Material is not null)
            attributes["material"] = kind.Material;
        if (kind.Option is { } option)
            attributes[option.Name] = article.Option!;
        if (edition.Name is not null)
            attributes["edition"] = edition.Name;
        if (kind.Season.Count > 0)
            attributes["season"] = kind.Season;
        return new Product(
            id,
            sku,
            $"{version.Brand} {model} {kind.Title}{(article.OptionPlace > 0 ? $", {article.Option}" : "")}{(edition.Name is null ? "" : $", {edition.Name}")}",
            string.Join(' ', ((string?[])[kind.Purpose, version.Detail, kind.Option is null ? null : $"{Words(kind.Option.Name)}: {article.Option}.", edition.Sentence]).OfType<string>()),
            kind,
            category,
            version,
            version.Brand,
            model,
            article.Color,
            article.Size ?? (kind.Option is { Name: "capacity" or "length" or "width" or "height" or "size" } ? article.Option : null),
            random.Between(kind.WeightKg.Min, kind.WeightKg.Max, digits: 3) * edition.Units,
            price,
            random.Between(.4m * price, .7m * price, digits: 2),
            $"{string.Concat(kind.Supplier.Split(' ').Select(word => char.ToUpperInvariant(word[0])))}-{random.Between(10000, 99999)}",
            random.Chance(.15),
            isFaulty ? random.Between(3m, 3.4m, digits: 2) : random.Between(3.4m, 5m, digits: 2),
            random.Between(0, 40),
            attributes,
            options.AsOf.AddDays(-random.Between(366, 3 * 365)))
        {
            // 1 to 16 from rare kinds to bestsellers, and a long tail among articles of one kind.
            Demand = (1 << (kind.Popularity - 1)) / (.15 + random.Source.NextDouble()),
            ReturnRate = ReturnRates[category] * (isFaulty ? 6 : 1),
        };
    }

    static decimal Price(Article article)
    {
        var isAmount = article.Option is { Length: > 0 } option && char.IsAsciiDigit(option[0]);
        var factor = article.Edition.PriceFactor * (isAmount ? 1 + .12m * article.OptionPlace : 1) * (1 + .03m * (article.Generation - 1));
        return factor == 1 ? article.Version.Price : decimal.Floor(article.Version.Price * factor) + .99m;
    }

    static string Words(string name) => $"{char.ToUpper(name[0], CultureInfo.InvariantCulture)}{name[1..].Replace('_', ' ')}";

    // The same article has the same SKU in every store, up to the rare collision.
    static string Sku(Article article, HashSet<string> skus)
    {
        var prefix = new string([.. article.Version.Brand.Where(char.IsAsciiLetter).Take(3).Select(char.ToUpperInvariant)]);
        var number = SampleRandom.StableHash(
            $"{article.Version.Brand}/{article.Version.Model}/{article.Color}/{article.Size}/{article.Option}/{article.Edition.Name}/{article.Generation}") % 1_000_000;
        string sku;
        while (!skus.Add(sku = $"{prefix}-{number:000000}"))
            number = (number + 1) % 1_000_000;
        return sku;
    }
}
