using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using Npgsql;
using Zava.Database;
using Zava.McpServer.Errors;
using Zava.McpServer.Identity;

namespace Zava.McpServer.Tools;

/// <summary>What the tables are made of.</summary>
[McpServerToolType]
[Authorize(Policy = Scopes.CatalogRead)]
public sealed class SchemaTools(TenantDatabase database)
{
    public sealed record Schemas(IReadOnlyList<TableSchema> Tables);

    public sealed record TableSchema(
        [property: Description("Schema-qualified name")] string TableName,
        string? Description,
        IReadOnlyList<Column> Columns,
        string[] PrimaryKey,
        [property: Description("Such as (store_id, product_id) -> retail.products (store_id, product_id)")] string[] ForeignKeys);

    public sealed record Column(string Name, string Type, bool Nullable, string? Description);

    [McpServerTool(Name = "get_multiple_table_schemas", Title = "Get table schemas", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Columns, types, keys and meaning of the tables behind the other tools. Example: ['retail.products', 'retail.sales_transactions']. Only tables that you may read are described.")]
    public async Task<Schemas> GetAsync(
        [Description("Names of tables, with or without 'retail.', 1 to 20"), Length(1, 20)] string[] table_names,
        ClaimsPrincipal? user = null,
        CancellationToken cancellationToken = default)
    {
        var byName = await ReadAsync(database, Caller.Require(user).For("get_multiple_table_schemas", storeId: null), cancellationToken);
        var wanted = table_names.Select(Qualified).Distinct().ToList();
        return wanted.FirstOrDefault(name => !byName.ContainsKey(name)) is { } unknown
            ? throw new McpException($"table_names: there is no table '{Sent.Shown(unknown)}' that you may read.{Sent.Meant(unknown, byName.Keys)} Allowed: {string.Join(", ", byName.Keys)}.")
            : new(wanted.ConvertAll(name => byName[name]));
    }

    /// <summary>The schema-qualified name of a table that may be named without its schema.</summary>
    internal static string Qualified(string table) => table.StartsWith("retail.", StringComparison.Ordinal) ? table : $"retail.{table}";

    /// <summary>Of <c>pg_class</c>: the tables and views that may be read, but for those that only the server has a use for.</summary>
    internal const string IsShown =
        "relnamespace = 'retail'::regnamespace AND relkind IN ('r', 'v') AND has_any_column_privilege(oid, 'SELECT') AND relname NOT IN ('product_words', 'sample_data')";

    /// <summary>The tables that may be read, by their schema-qualified names, in the order of these.</summary>
    internal static async Task<OrderedDictionary<string, TableSchema>> ReadAsync(TenantDatabase database, TenantContext context, CancellationToken cancellationToken)
    {
        var tables = await database.QueryAsync(
            context,
            new NpgsqlBatchCommand($$"""
                SELECT c.relname::text, obj_description(c.oid, 'pg_class'),
                       array_agg(a.attname::text ORDER BY a.attnum),
                       array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum),
                       array_agg(NOT a.attnotnull ORDER BY a.attnum),
                       array_agg(coalesce(col_description(c.oid, a.attnum), '') ORDER BY a.attnum),
                       coalesce((SELECT array_agg(k.attname::text ORDER BY place)
                                   FROM pg_constraint pk, unnest(pk.conkey) WITH ORDINALITY AS key (attnum, place)
                                   JOIN pg_attribute k ON k.attnum = key.attnum AND k.attrelid = c.oid
                                  WHERE pk.conrelid = c.oid AND pk.contype = 'p'), '{}'),
                       coalesce((SELECT array_agg(regexp_replace(pg_get_constraintdef(fk.oid), '^FOREIGN KEY (\(.*?\)) REFERENCES ([a-z_.]+)(\(.*?\)).*$', '\1 -> \2 \3') ORDER BY fk.conname)
                                   FROM pg_constraint fk WHERE fk.conrelid = c.oid AND fk.contype = 'f'), '{}')
                  FROM pg_class c
                  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                 WHERE {{IsShown}} AND has_column_privilege(c.oid, a.attnum, 'SELECT')
                 GROUP BY c.oid, c.relname
                 ORDER BY c.relname
                """),
            row => new TableSchema(
                $"retail.{row.GetString(0)}", row.GetNullable<string>(1),
                Columns(row.GetFieldValue<string[]>(2), row.GetFieldValue<string[]>(3), row.GetFieldValue<bool[]>(4), row.GetFieldValue<string[]>(5)),
                row.GetFieldValue<string[]>(6), row.GetFieldValue<string[]>(7)),
            cancellationToken);

        return new(tables.Select(table => KeyValuePair.Create(table.TableName, table)));
    }

    static Column[] Columns(string[] names, string[] types, bool[] nullable, string[] descriptions) =>
        [.. names.Select((name, index) => new Column(name, types[index], nullable[index], descriptions[index] is { Length: > 0 } text ? text : null))];
}
