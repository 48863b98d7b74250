using Npgsql;

namespace Zava.Seeder.SampleData;

/// <summary>
/// Takes away what makes a bulk load slow or refuses it, and puts it back: row-level security (which refuses COPY), the row
/// triggers of the audit log (a quarter of the time), indexes and keys, which are faster made of all rows than row by row.
/// </summary>
/// <remarks>
/// Inside the load's transaction, where nobody else sees it, and with their own definitions, so that this knows none of
/// them. The triggers that put products in the embedding queue stay.
/// </remarks>
sealed class BulkLoad
{
    readonly NpgsqlConnection _connection;
    readonly List<string> _rebuild;
    readonly List<string> _guard;

    BulkLoad(NpgsqlConnection connection, List<string> rebuild, List<string> guard) =>
        (_connection, _rebuild, _guard) = (connection, rebuild, guard);

    /// <param name="connection">In a transaction, as the owner of the tables.</param>
    /// <param name="tables">Tables of the schema <c>retail</c> that will be loaded.</param>
    /// <param name="alsoRead">Tables that the load reads.</param>
    /// <param name="cancellationToken">Stops.</param>
    public static async Task<BulkLoad> BeginAsync(
        NpgsqlConnection connection, IReadOnlyList<string> tables, IReadOnlyList<string> alsoRead, CancellationToken cancellationToken)
    {
        // Foreign keys go first and come last: they depend on the keys that they refer to.
        var (tear, rebuild, guard) = (new List<string>(), new List<string>(), new List<string>());
        await using (var command = new NpgsqlCommand("""
            WITH loaded AS (SELECT ('retail.' || name)::regclass AS oid FROM unnest($1) AS name)
            SELECT 1 AS step, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                   format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)), conname::text
              FROM pg_constraint WHERE contype = 'f' AND (conrelid IN (SELECT oid FROM loaded) OR confrelid IN (SELECT oid FROM loaded))
            UNION ALL
            SELECT 2, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                   format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)), conname::text
              FROM pg_constraint WHERE contype IN ('p', 'u') AND conrelid IN (SELECT oid FROM loaded)
            UNION ALL
            SELECT 2, format('DROP INDEX %s', indexrelid::regclass),
                   pg_get_indexdef(indexrelid) || coalesce((
                       SELECT string_agg(format('; ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', indexrelid::regclass, attnum, attstattarget), '')
                         FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0), ''), indexrelid::regclass::text
              FROM pg_index
             WHERE indrelid IN (SELECT oid FROM loaded) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
            UNION ALL
            SELECT 3, format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname),
                   format('ALTER TABLE %s ENABLE TRIGGER %I', tgrelid::regclass, tgname), tgname::text
              FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM loaded) AND tgfoid = 'retail.audit_trigger'::regproc
            UNION ALL
            SELECT 4, format('ALTER TABLE retail.%I NO FORCE ROW LEVEL SECURITY', name), format('ALTER TABLE retail.%I FORCE ROW LEVEL SECURITY', name), name
              FROM unnest($1 || $2) AS name
             ORDER BY 1, 4
            """, connection) { Parameters = { new() { Value = tables.ToArray() }, new() { Value = alsoRead.ToArray() } } })
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken))
            {
                tear.Add(reader.GetString(1));
                if (reader.GetInt32(0) >= 3)
                    guard.Add(reader.GetString(2));
                else
                    // Keys and indexes in front of the foreign keys that were read before them.
                    rebuild.Insert(reader.GetInt32(0) == 1 ? rebuild.Count : rebuild.TakeWhile(sql => !sql.Contains(" FOREIGN KEY ", StringComparison.Ordinal)).Count(), reader.GetString(2));
            }

        var load = new BulkLoad(connection, rebuild, guard);
        foreach (var sql in tear)
            await load.ExecuteAsync(sql, cancellationToken);
        return load;
    }

    /// <summary>Makes keys, indexes and foreign keys, and puts the guards back.</summary>
    /// <param name="progress">How many of how many are done.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task EndAsync(Func<int, int, Task> progress, CancellationToken cancellationToken)
    {
        // Enough for the sorts of a million rows; for this transaction only.
        await ExecuteAsync("SET LOCAL maintenance_work_mem = '256MB'", cancellationToken);
        for (var done = 0; done < _rebuild.Count; done++)
        {
            await progress(done, _rebuild.Count);
            await ExecuteAsync(_rebuild[done], cancellationToken);
        }
        foreach (var sql in _guard)
            await ExecuteAsync(sql, cancellationToken);
    }

    async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, _connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
