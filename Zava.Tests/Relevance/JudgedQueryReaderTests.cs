namespace Zava.Tests.Relevance;

public sealed class JudgedQueryReaderTests
{
    const string Valid = """
        sku:
          - query: price of {lower}
            sku_of: bike-lock
            filters: {max_price: 30.5, in_stock: true, tags: [cycling]}
            2: [bike-lock, {kind: bike-helmet, color: Lime}]
        """;

    static JudgedQuery Read(string yaml) => JudgedQueryReader.Read(new StringReader(yaml), kind => kind == "bike-lock" ? "QUA-123456" : "").Single();

    static CorpusProduct Product(string kind, string color, decimal price = 30, string sku = "PEL-000001") =>
        new(Guid.Empty, sku, "", "Sports & Outdoors", "Cycling", price, 4, 1, ["cycling"], new Dictionary<string, string> { ["kind"] = kind, ["color"] = color });

    [Fact]
    public void A_query_is_read_with_its_SKU_and_grades_products_by_kind_attribute_and_filter()
    {
        var query = Read(Valid);
        Assert.Equal("price of qua-123456", query.Text);
        Assert.Equal(2, query.GradeOf(Product("bike-lock", "Black")));
        Assert.Equal(3, query.GradeOf(Product("bike-lock", "Black", sku: "QUA-123456")));
        Assert.Equal(2, query.GradeOf(Product("bike-helmet", "Lime")));
        Assert.Equal(0, query.GradeOf(Product("bike-helmet", "White")));
        Assert.Equal(0, query.GradeOf(Product("bike-lock", "Black", price: 31)));
        Assert.Equal(0, query.GradeOf(Product("bike-lock", "Black") with { Stock = 0 }));
        Assert.Equal(0, query.GradeOf(Product("bike-lock", "Black") with { Tags = [] }));
    }

    [Theory]
    [InlineData("sku:", "skus:", "judged-queries.yaml, line 1: 'skus' is no class of queries.")]
    [InlineData("query:", "querry:", "judged-queries.yaml, line 2: 'querry' is not one of: query,")]
    [InlineData("color: Lime", "colour: Lime", "judged-queries.yaml, line 5: 'colour' is not one of: kind, brand,")]
    [InlineData("max_price", "maximum", "judged-queries.yaml, line 4: 'maximum' is not one of: category,")]
    public void A_misspelt_field_is_refused_where_it_is(string right, string wrong, string message) =>
        Assert.StartsWith(message, Assert.Throws<InvalidDataException>(() => Read(Valid.Replace(right, wrong))).Message);
}
