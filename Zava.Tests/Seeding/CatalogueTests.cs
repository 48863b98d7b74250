using Zava.Seeder.Catalogue;

namespace Zava.Tests.Seeding;

/// <summary>A catalogue file that is wrong is refused with its file, line and field.</summary>
public sealed class CatalogueTests
{
    const string Valid = """
        category: Electronics
        subcategories:
          - {id: 35, name: Audio, description: Headphones}
        kinds:
          - id: headphones
            subcategory: Audio
            title: Headphones
            purpose: Music on the bus.
            tags: [music]
            weight_kg: [0.2, 0.3]
            dimensions_cm: [20, 18, 8]
            colors: [Sand]
            supplier: Cascade Sound Supply
            popularity: 3
            versions:
              - brand: Auralis
                model: Hush 2
                price: 89.00
                detail: Folds flat.
        """;

    static ProductCatalogue Read(string yaml) => CatalogueReader.Read([("test.yaml", new StringReader(yaml))]);

    [Fact]
    public void The_built_in_catalogue_is_valid_and_covers_the_seven_categories()
    {
        var catalogue = CatalogueReader.Read();
        Assert.Equal(7, catalogue.Subcategories.Select(sub => sub.Category).Distinct().Count());
        Assert.All(catalogue.Subcategories, sub => Assert.Contains(catalogue.Kinds, kind => kind.Subcategory == sub.Name));
        Assert.All(catalogue.Kinds, kind => Assert.InRange(kind.Purpose.Split(' ').Length, 20, 80));
    }

    [Fact]
    public void A_valid_text_is_read() => Assert.Equal("Hush 2", Read(Valid).Kinds.Single().Versions.Single().Model);

    [Theory]
    [InlineData("category: Electronics", "category: Gadgets", "test.yaml, line 1, category: 'Gadgets' is not one of: Electronics,")]
    [InlineData("price: 89.00", "price: -1", "test.yaml, line 18, price: '-1' is not a positive number.")]
    [InlineData("price: 89.00", "prize: 89.00", "test.yaml, line 16, price: is missing.")]
    [InlineData("popularity: 3", "popularity: 6", "test.yaml, line 14, popularity: a whole number from 1")]
    [InlineData("id: 35", "id: 7", "test.yaml, line 3, id: a whole number from 8 to 32767 is expected")]
    [InlineData("name: Audio", "nom: Audio", "test.yaml, line 3, name: is missing")]
    [InlineData("{id: 35,", "{id: 35, short: A,", "test.yaml, line 3, short: is not a known field")]
    [InlineData("kinds:", "  - {id: 35, name: Radio, description: Waves}\nkinds:", "test.yaml, line 4, id: 35 is that of 'Audio'")]
    [InlineData("kinds:", "  - {id: 36, name: Audio, description: Waves}\nkinds:", "test.yaml, line 4, name: 'Audio' is there already")]
    [InlineData("subcategory: Audio", "subcategory: Radio", "test.yaml, line 6, subcategory: 'Radio' is not one of: Audio.")]
    [InlineData("tags: [music]", "tags: []", "test.yaml, line 9, tags: a list of at least one")]
    [InlineData("dimensions_cm: [20, 18, 8]", "dimensions_cm: [20, 18]", "test.yaml, line 11, dimensions_cm: a list of 3 numbers")]
    [InlineData("weight_kg: [0.2, 0.3]", "weight_kg: [0.3, 0.2]", "test.yaml, line 10, weight_kg: the first number")]
    [InlineData("popularity: 3", "popularity: 3\n    colour: Red", "test.yaml, line 15, colour: is not a known field")]
    [InlineData("title: Headphones", "title:", "test.yaml, line 7, title:")]
    [InlineData("tags: [music]", "tags: [music", "test.yaml, line 9, YAML: cannot be read")]
    public void A_wrong_text_is_refused_where_it_is_wrong(string right, string wrong, string message) =>
        Assert.StartsWith(message, Assert.Throws<CatalogueException>(() => Read(Valid.Replace(right, wrong))).Message);

    [Fact]
    public void A_kind_or_version_that_is_there_twice_is_refused()
    {
        var twice = Valid + Valid[Valid.IndexOf("  - id")..].Insert(0, "\n");
        Assert.Contains("id: 'headphones' is there already", Assert.Throws<CatalogueException>(() => Read(twice)).Message);
        Assert.Contains("'Auralis Hush 2' is there already",
            Assert.Throws<CatalogueException>(() => Read(Valid + "\n" + Valid[Valid.IndexOf("  - id")..].Replace("id: headphones", "id: others"))).Message);
    }
}
