using System.Globalization;

namespace Zava.McpServer.Errors;

/// <summary>What a caller sent, in the words of an error.</summary>
static class Sent
{
    /// <summary>Enough of a text to recognise it, not enough to fill a model's context.</summary>
    public static string Shown(string text, int length = 60)
    {
        if (text.Length <= length)
            return text;
        // Half of a surrogate pair is no text.
        var end = char.IsHighSurrogate(text[length - 1]) ? length - 1 : length;
        return string.Create(CultureInfo.InvariantCulture, $"{text[..end]}… ({text.Length:N0} characters)");
    }

    /// <summary>Asks whether the nearest of the names was meant; empty when none is near.</summary>
    public static string Meant(string text, IEnumerable<string> names) => Nearest(text, names) is { } name ? $" Did you mean {name}?" : "";

    /// <summary>The name that is a slip of the pen away: up to a third of its letters, in any case.</summary>
    public static string? Nearest(string text, IEnumerable<string> names)
    {
        if (text.Length > 100)
            return null;
        var (name, distance) = names.Select(name => (name, Distance(text.ToUpperInvariant(), name.ToUpperInvariant())))
            .OrderBy(pair => pair.Item2).ThenBy(pair => pair.name, StringComparer.Ordinal).FirstOrDefault(("", int.MaxValue));
        return distance <= Math.Max(1, Math.Min(name.Length, text.Length) / 3) ? name : null;
    }

    // Letters to add, drop, change, or swap with their neighbour.
    static int Distance(string from, string to)
    {
        var (before, last, next) = (new int[to.Length + 1], Enumerable.Range(0, to.Length + 1).ToArray(), new int[to.Length + 1]);
        for (var i = 1; i <= from.Length; i++)
        {
            next[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                next[j] = Math.Min(Math.Min(next[j - 1], last[j]) + 1, last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    next[j] = Math.Min(next[j], before[j - 2] + 1);
            }
            (before, last, next) = (last, next, before);
        }
        return last[to.Length];
    }
}
