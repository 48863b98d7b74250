using Npgsql;

namespace Zava.Database;

public static class NpgsqlDataReaderExtensions
{
    /// <summary>The value of a column that may be NULL.</summary>
    public static T? GetNullable<T>(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? default : reader.GetFieldValue<T>(column);
}
