using System.Globalization;
using ModelContextProtocol;

namespace Zava.McpServer.Sales;

/// <summary>Whole days of a store, the first and the last included, and the earlier days that they are compared with.</summary>
/// <param name="Shift">By how many days the days compared with are earlier.</param>
public sealed record Period(DateOnly From, DateOnly To, int Shift)
{
    /// <summary>Three years: what an answer may have to read through.</summary>
    public const int MaximumDays = 1100;

    /// <summary>What a caller may write, in the words of the tools' arguments.</summary>
    public const string Forms =
        "today, yesterday, this_week, last_week, this_month, last_month, this_year, last_year, last_30_days (any number; to yesterday), " +
        "or ISO 8601 days: 2026-03-31, 2026-03, 2026, 2026-03-01/2026-03-31";

    public int Days => To.DayNumber - From.DayNumber + 1;

    public DateOnly PreviousFrom => From.AddDays(-Shift);

    public DateOnly PreviousTo => To.AddDays(-Shift);

    /// <summary>The days that a word or a date stands for where it is <paramref name="today"/>. Weeks begin on Monday (ISO 8601).</summary>
    /// <remarks>
    /// What it is compared with has as many days, directly before; only this_week is compared with the same weekdays of the
    /// week before, because three days from Monday say nothing beside a weekend.
    /// </remarks>
    /// <exception cref="McpException">The text is no period, or too long a one.</exception>
    public static Period Parse(string text, DateOnly today)
    {
        var (from, to) = Word(text, today) ?? Dates(text)
            ?? throw new McpException($"period: '{Shown(text)}' is not a period. Allowed: {Forms}.");
        var days = to.DayNumber - from.DayNumber + 1;
        return days is > 0 and <= MaximumDays
            ? new(from, to, text == "this_week" ? 7 : days)
            : throw new McpException($"period: '{Shown(text)}' has {(days > 0 ? $"{days} days" : "its end before its start")}. Allowed: 1 to {MaximumDays} days, the first day first.");
    }

    static (DateOnly From, DateOnly To)? Word(string text, DateOnly today)
    {
        var monday = today.AddDays(-(((int)today.DayOfWeek + 6) % 7));
        var first = new DateOnly(today.Year, today.Month, 1);
        var newYear = new DateOnly(today.Year, 1, 1);
        return text switch
        {
            "today" => (today, today),
            "yesterday" => (today.AddDays(-1), today.AddDays(-1)),
            "this_week" => (monday, today),
            "last_week" => (monday.AddDays(-7), monday.AddDays(-1)),
            "this_month" => (first, today),
            "last_month" => (first.AddMonths(-1), first.AddDays(-1)),
            "this_year" => (newYear, today),
            "last_year" => (newYear.AddYears(-1), newYear.AddDays(-1)),
            _ when text.StartsWith("last_", StringComparison.Ordinal) && text.EndsWith("_days", StringComparison.Ordinal)
                && text.Length > 10 && int.TryParse(text.AsSpan(5..^5), NumberStyles.None, CultureInfo.InvariantCulture, out var days)
                => days is > 0 and <= MaximumDays
                    ? (today.AddDays(-days), today.AddDays(-1))
                    : throw new McpException($"period: '{Shown(text)}' was sent. Allowed: last_1_days to last_{MaximumDays}_days."),
            _ => null,
        };
    }

    static (DateOnly From, DateOnly To)? Dates(string text) => text.Split('/') switch
    {
        [var one] => Unit(one),
        [var first, var last] when Unit(first) is { } start && Unit(last) is { } end => (start.From, end.To),
        _ => null,
    };

    static (DateOnly From, DateOnly To)? Unit(string text)
    {
        var (format, last) = text.Length switch
        {
            4 => ("yyyy", static day => day.AddYears(1).AddDays(-1)),
            7 => ("yyyy-MM", static day => day.AddMonths(1).AddDays(-1)),
            _ => ("yyyy-MM-dd", (Func<DateOnly, DateOnly>)(static day => day)),
        };
        // Years that a shop can have, so that no arithmetic leaves the calendar.
        return DateOnly.TryParseExact(text, format, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day.Year is >= 1990 and <= 2100
            ? (day, last(day))
            : null;
    }

    static string Shown(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
