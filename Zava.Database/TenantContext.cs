namespace Zava.Database;

/// <summary>On whose behalf a request reads or writes, and for which stores.</summary>
/// <param name="Stores">The stores the caller may see.</param>
/// <param name="User">The end user, as the token names it; recorded with every change.</param>
/// <param name="Tool">The tool or operation that runs; recorded with every change.</param>
public sealed record TenantContext(StoreSet Stores, string User, string Tool);

/// <summary>A set of stores: some by name, or every active store.</summary>
public sealed record StoreSet
{
    StoreSet(IReadOnlyList<string> names, bool isEvery) => (Names, IsEvery) = (names, isEvery);

    /// <summary>Every active store of the chain. Granted only by an explicit claim, never a default.</summary>
    public static StoreSet Every { get; } = new([], isEvery: true);

    /// <summary>The named stores; empty when <see cref="IsEvery"/>.</summary>
    public IReadOnlyList<string> Names { get; }

    public bool IsEvery { get; }

    /// <exception cref="ArgumentException">No store is named, or a name could not be a store's.</exception>
    public static StoreSet Of(params IEnumerable<string> names)
    {
        string[] distinct = [.. names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (distinct.Length == 0)
            throw new ArgumentException("At least one store must be named.", nameof(names));
        if (distinct.FirstOrDefault(name => !IsStoreName(name)) is { } bad)
            throw new ArgumentException($"'{bad}' is not a store id: lower-case letters, digits, hyphens and underscores, at most 50.", nameof(names));
        return new(distinct, isEvery: false);
    }

    /// <summary>Whether text has the form of a store id, as the check on <c>retail.stores</c> has it.</summary>
    public static bool IsStoreName(string text) =>
        text.Length is > 0 and <= 50
        && text[0] is not ('-' or '_')
        && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_');
}
