using Npgsql;
using NpgsqlTypes;

namespace Zava.McpServer.Search;

/// <summary>What a search is narrowed to; a field that is <c>null</c> narrows nothing.</summary>
/// <param name="Category">Name of a category, with those below it, or of a sub-category; in any case.</param>
/// <param name="Brand">In any case.</param>
/// <param name="MinPrice">In the currency of each store.</param>
/// <param name="MaxPrice">In the currency of each store.</param>
/// <param name="InStock">Whether there must, or must not, be some in stock.</param>
/// <param name="Tags">All of them.</param>
/// <param name="MinRating">0 to 5.</param>
public sealed record ProductFilter(
    string? Category = null, string? Brand = null, decimal? MinPrice = null, decimal? MaxPrice = null,
    bool? InStock = null, string[]? Tags = null, decimal? MinRating = null)
{
    /// <summary>The <c>retail.product_filter</c> of seven parameters, the first of which is the number given.</summary>
    internal static string Sql(int first) => $"""
        ROW((SELECT coalesce(array_agg(c.category_id), ARRAY[]::integer[])
               FROM retail.product_categories c
               LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
              WHERE lower(${first}) IN (lower(c.category_name), lower(parent.category_name))
             HAVING ${first} IS NOT NULL), ${first + 1}, ${first + 2}, ${first + 3}, ${first + 4}, ${first + 5}, ${first + 6})::retail.product_filter
        """;

    internal IEnumerable<NpgsqlParameter> Parameters =>
    [
        Parameter(Category, NpgsqlDbType.Text), Parameter(Brand, NpgsqlDbType.Text), Parameter(MinPrice, NpgsqlDbType.Numeric),
        Parameter(MaxPrice, NpgsqlDbType.Numeric), Parameter(InStock, NpgsqlDbType.Boolean),
        Parameter(Tags, NpgsqlDbType.Array | NpgsqlDbType.Text), Parameter(MinRating, NpgsqlDbType.Numeric),
    ];

    static NpgsqlParameter Parameter(object? value, NpgsqlDbType type) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };
}
