namespace Zava.Database;

/// <summary>The database logins, each with just the rights that its service needs (see Bootstrap.sql).</summary>
public static class DatabaseRole
{
    /// <summary>The MCP server: reads and writes tenant data under a sealed context.</summary>
    public const string Application = "mcp_user";

    /// <summary>The embedding worker: product texts, the queue and the embeddings, of every store.</summary>
    public const string Worker = "zava_worker";

    /// <summary>Migrates and loads: the only login that may become the owner of the schema.</summary>
    public const string Seeder = "zava_seeder";

    /// <summary>Looks after tables and indexes: may become the owner of the schema.</summary>
    public const string Maintenance = "zava_maintenance";

    /// <summary>Reads how the system runs: monitoring views, queue and records of every store.</summary>
    public const string Operator = "zava_ops";

    /// <summary>Owns the schema; never logs in.</summary>
    public const string Owner = "zava_owner";
}
