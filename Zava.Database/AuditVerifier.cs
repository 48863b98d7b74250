using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Zava.Database;

/// <summary>
/// Recomputes the chain of audit entries (Migrations/0009_audit_chain.sql) outside the database, so that a function changed
/// there cannot vouch for an entry changed there. Needs a login that reads the whole log: <c>zava_ops</c>.
/// </summary>
/// <remarks>
/// Whoever can change the log <em>and</em> recompute every hash after the change is found out only by comparing
/// <see cref="AuditReport.Head"/> with one that was noted earlier.
/// </remarks>
public sealed class AuditVerifier(NpgsqlDataSource dataSource)
{
    static readonly byte[] Beginning = SHA256.HashData("zava audit chain"u8);

    sealed record Batch(long Number, string Kind, string? Cluster, string? From, string? To, long Entries, byte[] Previous, byte[] Hash);

    public async Task<AuditReport> VerifyAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        // One snapshot, while entries go on being written; in the form and time zone that the hashes were made in.
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        await using (var settings = new NpgsqlCommand("SET TRANSACTION READ ONLY; SET LOCAL timezone = 'UTC'", connection))
            await settings.ExecuteNonQueryAsync(cancellationToken);

        var problems = new List<string>();
        var (hash, number) = (Beginning, 0L);
        var counts = new Dictionary<string, long> { ["changes"] = 0, ["tool_calls"] = 0 };
        foreach (var batch in await ReadBatchesAsync(connection, cancellationToken))
        {
            if (batch.Number != number + 1)
                problems.Add($"Batch {number + 1} is missing: {number} is followed by {batch.Number}.");
            else if (!batch.Previous.AsSpan().SequenceEqual(hash))
                problems.Add($"Batch {batch.Number} does not follow batch {number}: one of them was replaced.");
            var (entries, digests) = await ReadDigestsAsync(connection, batch, cancellationToken);
            if (entries != batch.Entries)
                problems.Add($"Batch {batch.Number} ({batch.Kind}) has {entries} entries and was sealed with {batch.Entries}: entries were {(entries < batch.Entries ? "removed" : "added")}.");
            else if (!Seal(batch, digests).AsSpan().SequenceEqual(batch.Hash))
                problems.Add($"Batch {batch.Number} ({batch.Kind}): an entry or the batch itself was changed.");
            counts[batch.Kind] += entries;
            (hash, number) = (batch.Hash, batch.Number);
        }

        await using (var head = new NpgsqlCommand("SELECT batch_number, hash FROM retail.audit_chain", connection))
        await using (var reader = await head.ExecuteReaderAsync(cancellationToken))
            if (!await reader.ReadAsync(cancellationToken) || reader.GetInt64(0) != number || !reader.GetFieldValue<byte[]>(1).AsSpan().SequenceEqual(hash))
                problems.Add($"The chain should end in another batch than {number}: the last batches were removed.");
        var all = await ScalarAsync<long>(connection, "SELECT count(*) FROM retail.tool_calls", cancellationToken);
        if (all != counts["tool_calls"])
            problems.Add($"{all - counts["tool_calls"]} tool calls belong to no batch: they were added.");
        var changes = await ScalarAsync<long>(connection, "SELECT count(*) FROM retail.audit_log", cancellationToken);
        return new(number, counts["changes"], counts["tool_calls"], changes - counts["changes"], Convert.ToHexStringLower(hash), problems);
    }

    static async Task<T> ScalarAsync<T>(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    static async Task<List<Batch>> ReadBatchesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            SELECT batch_number, kind, cluster_id::text, from_transaction::text, to_transaction::text, entries, previous_hash, hash
              FROM retail.audit_batches ORDER BY batch_number
            """, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var batches = new List<Batch>();
        while (await reader.ReadAsync(cancellationToken))
            batches.Add(new(
                reader.GetInt64(0), reader.GetString(1), reader.GetNullable<string>(2), reader.GetNullable<string>(3), reader.GetNullable<string>(4),
                reader.GetInt64(5), reader.GetFieldValue<byte[]>(6), reader.GetFieldValue<byte[]>(7)));
        return batches;
    }

    static async Task<(long Entries, string Digests)> ReadDigestsAsync(NpgsqlConnection connection, Batch batch, CancellationToken cancellationToken)
    {
        await using var command = batch.Kind == "tool_calls"
            ? new NpgsqlCommand("SELECT to_jsonb(entry)::text FROM retail.tool_calls entry WHERE batch_number = $1 ORDER BY call_number", connection)
            {
                Parameters = { new() { Value = batch.Number } },
            }
            : new NpgsqlCommand("""
                SELECT to_jsonb(entry)::text FROM retail.audit_log entry
                 WHERE cluster_id = $1::text::bigint AND transaction_number >= $2::text::xid8 AND transaction_number < $3::text::xid8 ORDER BY log_number
                """, connection)
            {
                Parameters = { new() { Value = batch.Cluster }, new() { Value = batch.From }, new() { Value = batch.To } },
            };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (entries, digests) = (0L, new StringBuilder());
        while (await reader.ReadAsync(cancellationToken))
        {
            digests.Append(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(reader.GetString(0)))));
            entries++;
        }
        return (entries, digests.ToString());
    }

    static byte[] Seal(Batch batch, string digests) => SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"{Convert.ToHexStringLower(batch.Previous)}|{batch.Number}|{batch.Kind}|{batch.Cluster}|{batch.From}|{batch.To}|{batch.Entries}|{digests}")));
}

/// <summary>What the chain of audit entries looks like.</summary>
/// <param name="Batches">How many batches there are.</param>
/// <param name="Changes">Sealed changes.</param>
/// <param name="ToolCalls">Sealed tool calls.</param>
/// <param name="Unsealed">Changes that the chain does not cover yet.</param>
/// <param name="Head">Hash of the last batch, in hexadecimal: noted elsewhere, it also proves that nothing was recomputed.</param>
/// <param name="Problems">What does not hold; empty when all does.</param>
public sealed record AuditReport(long Batches, long Changes, long ToolCalls, long Unsealed, string Head, IReadOnlyList<string> Problems);
