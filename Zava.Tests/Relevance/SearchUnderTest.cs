namespace Zava.Tests.Relevance;

/// <summary>One result, as far as the measures look at it.</summary>
public readonly record struct SearchHit(Guid ProductId, bool IsWeak);

/// <summary>A search to measure.</summary>
/// <param name="Name">Heads the table.</param>
/// <param name="FindAsync">The first so many results, best first.</param>
public sealed record SearchUnderTest(
    string Name, Func<string, SearchFilters?, int, CancellationToken, Task<IReadOnlyList<SearchHit>>> FindAsync);
