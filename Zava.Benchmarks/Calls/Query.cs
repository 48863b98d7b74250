using System.Text.Json.Nodes;
using Npgsql;

namespace Zava.Benchmarks.Calls;

/// <summary>What is asked of everybody, in the way of each.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Sql">With <c>$1</c> for <paramref name="Parameter"/>, as peers' tools are given it.</param>
/// <param name="Parameter">The one value that a caller sends; <c>null</c>: the caller sends the SQL itself.</param>
/// <param name="Expected">What every answer contains.</param>
/// <param name="Tool">Zava's tool for it.</param>
/// <param name="Argument">The name of the tool's argument that takes the value or the SQL.</param>
sealed record Query(string Name, string Sql, string? Parameter, string Expected, string Tool, string Argument)
{
    /// <summary>A command of PostgreSQL.</summary>
    public NpgsqlCommand On(NpgsqlConnection connection)
    {
        var command = new NpgsqlCommand(Sql, connection);
        if (Parameter is not null)
            command.Parameters.Add(new() { Value = Parameter });
        return command;
    }

    /// <summary>A request that calls a tool with the value or the SQL.</summary>
    public string CallOf(string tool, string argument) => new JsonObject
    {
        ["jsonrpc"] = "2.0",
        ["id"] = 1,
        ["method"] = "tools/call",
        ["params"] = new JsonObject { ["name"] = tool, ["arguments"] = new JsonObject { [argument] = Parameter ?? Sql } },
    }.ToJsonString();

    /// <summary>One product of 24 columns by its key, the statement of <c>get_product</c>.</summary>
    public static Query Product(string sku) => new("one product by SKU", """
        SELECT p.store_id, p.product_id, p.sku, p.product_name, p.product_description,
               coalesce(parent.category_name, c.category_name) AS category, CASE WHEN parent.category_id IS NOT NULL THEN c.category_name END AS subcategory,
               p.brand, p.model, p.color, p.size, p.weight_kg, p.dimensions_cm, p.price, s.currency,
               coalesce(p.current_stock, 0) AS stock, coalesce(p.reorder_point, 0) AS reorder_point, p.supplier_name, p.is_active, p.is_featured,
               p.rating_average, coalesce(p.rating_count, 0) AS rating_count, coalesce(p.tags, '{}') AS tags, p.updated_at
          FROM retail.products p
          JOIN retail.stores s ON s.store_id = p.store_id
          LEFT JOIN retail.product_categories c ON c.category_id = p.category_id
          LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
         WHERE p.sku IN ($1::text, upper($1::text)) AND p.store_id = ANY (ARRAY['seattle'])
         ORDER BY p.store_id
        """, sku, sku, "get_product", "sku");

    /// <summary>Ten products of a category by an index, in SQL of the caller's own.</summary>
    public static Query Page(string sku, int category) => new("free SQL: ten products of a category", $"""
        SELECT product_id, sku, product_name, product_description, price, current_stock FROM retail.products WHERE store_id = 'seattle' AND category_id = {category} ORDER BY sku LIMIT 10
        """, null, sku, "execute_sales_query", "sql");

    /// <summary>Ten products by meaning and words. Peers, who embed nothing, get the vector in their statement.</summary>
    public static Query Search(string text, string vector, string model) => new("product search", $"""
        SELECT p.store_id, p.product_id, p.sku, p.product_name, p.product_description, p.brand,
               coalesce(parent.category_name, c.category_name) AS category, CASE WHEN parent.category_id IS NOT NULL THEN c.category_name END AS subcategory,
               p.price, st.currency, coalesce(p.current_stock, 0) AS stock, p.rating_average, s.score, s.similarity, s.read_as
          FROM retail.search_products($1::text, '{vector}'::public.halfvec, '{model}', ARRAY['seattle'],
                   ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL)::retail.product_filter, 10) AS s
          JOIN retail.products p ON p.store_id = s.store_id AND p.product_id = s.product_id
          JOIN retail.stores st ON st.store_id = s.store_id
          LEFT JOIN retail.product_categories c ON c.category_id = p.category_id
          LEFT JOIN retail.product_categories parent ON parent.category_id = c.parent_category_id
         ORDER BY s.score DESC, s.store_id, s.product_id
        """, text, "seattle", "semantic_search_products", "query");
}
