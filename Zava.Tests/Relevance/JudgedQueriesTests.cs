using Zava.Seeder.Catalogue;

namespace Zava.Tests.Relevance;

/// <summary>The judged queries are about this catalogue, and say what their classes promise.</summary>
[Collection(nameof(RelevanceShop))]
public sealed class JudgedQueriesTests(RelevanceShop shop)
{
    static readonly ProductCatalogue Catalogue = CatalogueReader.Read();

    [Fact]
    public void The_corpus_is_a_store_that_sells_every_kind()
    {
        Assert.Equal(500, shop.Products.Count);
        Assert.Empty(Catalogue.Kinds.Select(kind => kind.Id).Except(shop.Products.Select(product => product.Attributes["kind"])));
    }

    [Fact]
    public void Every_class_has_enough_queries_and_none_is_there_twice()
    {
        var counts = shop.Queries.CountBy(query => query.Class).ToDictionary();
        Assert.All((Dictionary<QueryClass, int>)new()
        {
            [QueryClass.NoSharedWords] = 40,
            [QueryClass.Mixed] = 25,
            [QueryClass.Keyword] = 20,
            [QueryClass.Typo] = 15,
            [QueryClass.Sku] = 8,
            [QueryClass.Filter] = 15,
            [QueryClass.OutOfCatalogue] = 20,
        }, least => Assert.True(counts.GetValueOrDefault(least.Key) >= least.Value, $"{least.Key}: {counts.GetValueOrDefault(least.Key)} queries, at least {least.Value} are wanted"));
        Assert.DoesNotContain(shop.Queries.CountBy(query => query.Text.ToLowerInvariant()), text => text.Value > 1);
    }

    [Fact]
    public void Every_judgement_names_what_the_catalogue_has_and_once()
    {
        Assert.All(shop.Queries, query =>
        {
            Assert.All(query.Judgements, judgement => Assert.True(
                judgement.Attributes.ContainsKey("sku") || Catalogue.Kinds.Any(kind => IsOf(judgement, kind)),
                $"line {query.Line}: no kind has {string.Join(", ", judgement.Attributes)}"));
            Assert.DoesNotContain(query.Judgements.CountBy(judgement => string.Join(", ", judgement.Attributes)), products => products.Value > 1);
        });

        static bool IsOf(Judgement judgement, ProductKind kind) =>
            kind.Versions.Any(version => judgement.Attributes.All(wanted => wanted.Key switch
            {
                "kind" => wanted.Value == kind.Id,
                "brand" => wanted.Value == version.Brand,
                "model" => wanted.Value == version.Model,
                "color" => kind.Colors.Contains(wanted.Value),
                "size" => kind.Sizes.Contains(wanted.Value),
                _ => kind.Option?.Values.Contains(wanted.Value) == true,
            }));
    }

    [Fact]
    public void A_query_has_an_answer_unless_it_is_out_of_the_catalogue() => Assert.All(shop.Queries, query =>
        Assert.True(shop.Products.Any(product => query.GradeOf(product) >= JudgedQuery.Relevant) == (query.Class != QueryClass.OutOfCatalogue), $"line {query.Line}"));

    [Fact]
    public void Every_kind_is_the_answer_to_some_query() => Assert.Empty(Catalogue.Kinds.Select(kind => kind.Id).Except(
        shop.Products.Where(product => shop.Queries.Any(query => query.GradeOf(product) >= JudgedQuery.Relevant)).Select(product => product.Attributes["kind"])));

    [Fact]
    public void Filters_are_on_the_queries_of_their_class_and_keep_an_answer_out() => Assert.All(shop.Queries, query =>
        Assert.True(shop.Products.Any(product => query.GradeOf(product) < (query with { Filters = null }).GradeOf(product)) == (query.Class == QueryClass.Filter), $"line {query.Line}"));

    [Fact]
    public async Task A_query_of_no_shared_words_shares_none_with_the_text_of_its_best_answers()
    {
        var pairs = (from query in shop.Queries
                     where query.Class == QueryClass.NoSharedWords
                     from judgement in query.Judgements
                     where judgement.Grade == 3
                     from kind in Catalogue.Kinds
                     where kind.Id == judgement.Attributes["kind"]
                     select (Query: $"line {query.Line}, {kind.Id}: {query.Text}", query.Text, Right: TextOf(kind, judgement))).ToArray();
        Assert.Equal("", await shop.Database.ScalarAsync<string>("""
            SELECT coalesce(string_agg(pair.query || ' ' || shared.words::text, E'\n'), '')
              FROM unnest($1, $2, $3) AS pair (query, said, text),
                   LATERAL (SELECT ARRAY(SELECT unnest(tsvector_to_array(to_tsvector('english', pair.said)))
                                         INTERSECT SELECT unnest(tsvector_to_array(to_tsvector('english', pair.text)))) AS words) shared
             WHERE shared.words <> '{}'
            """, pairs.Select(pair => pair.Query).ToArray(), pairs.Select(pair => pair.Text).ToArray(), pairs.Select(pair => pair.Right).ToArray()));

        // What any store's product of it may say, but for editions such as gift boxes.
        static string TextOf(ProductKind kind, Judgement judgement) => string.Join(". ",
        [
            kind.Title, kind.Purpose, .. kind.Tags, .. kind.Option?.Values ?? [], kind.Option?.Name ?? "",
            .. kind.Versions.Where(version => judgement.Attributes.GetValueOrDefault("model", version.Model) == version.Model)
                .SelectMany(version => (string[])[version.Brand, version.Model, version.Detail]),
        ]);
    }
}
