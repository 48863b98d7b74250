using Npgsql;

namespace Zava.Database;

/// <summary>Why a database that was asked did not do it, for logs and health: in our words, because PostgreSQL's may quote a row.</summary>
public static class DatabaseProblem
{
    /// <summary>Half a sentence, with the SQLSTATE if there is one.</summary>
    public static string Describe(NpgsqlException failed) => failed.SqlState switch
    {
        null => "the database cannot be reached",
        PostgresErrorCodes.DiskFull => "the database's disk is full (53100)",
        PostgresErrorCodes.ReadOnlySqlTransaction => "the database may only be read (25006)",
        PostgresErrorCodes.OutOfMemory => "the database has no memory left (53200)",
        PostgresErrorCodes.TooManyConnections => "the database has no connection left (53300)",
        PostgresErrorCodes.IoError => "the database cannot read or write its disk (58030)",
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow => $"the database is restarting ({failed.SqlState})",
        var other => $"the database refuses ({other})",
    };

    /// <summary>
    /// Ends the idle sessions of a data source after one of them was found to be read-only. A session learns that when it begins
    /// and never again, so those of a pool would go on refusing changes after the database takes them.
    /// </summary>
    public static void EndReadOnlySessions(this NpgsqlDataSource source, NpgsqlException failed)
    {
        if (failed.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction)
            source.Clear();
    }
}
