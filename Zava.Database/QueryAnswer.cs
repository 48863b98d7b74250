namespace Zava.Database;

/// <summary>What a query of a caller's own returned.</summary>
/// <param name="Columns">Names and PostgreSQL types.</param>
/// <param name="Rows">Values in the order of the columns: number, truth value, text or <c>null</c>.</param>
/// <param name="TruncatedBy">What kept further rows out: <c>rows</c> or <c>size</c>; <c>null</c> when all rows are there.</param>
/// <param name="ShortenedValues">How many values were cut for their length.</param>
public sealed record QueryAnswer(
    IReadOnlyList<(string Name, string Type)> Columns, IReadOnlyList<object?[]> Rows, string? TruncatedBy, int ShortenedValues);

/// <summary>A query of a caller's own was refused; the message says why and is theirs to see.</summary>
public sealed class QueryRefusedException(string message, Exception? inner = null) : Exception(message, inner);
