using System.Globalization;

namespace Zava.McpServer.Sales;

/// <summary>Net sales of consecutive days, and of the whole weeks and months in them.</summary>
/// <param name="First">The day of the first value.</param>
/// <param name="Daily">One value a day, 0 where nothing was sold.</param>
sealed record SalesSeries(DateOnly First, IReadOnlyList<decimal> Daily)
{
    // Fewer weeks than these would show one holiday as a habit.
    const int FewestWeeks = 4;

    /// <summary>Makes a series of what is known of some days.</summary>
    /// <param name="last">The last day; what comes after is not complete.</param>
    /// <returns>From the first day with a receipt on; empty when there is none.</returns>
    public static SalesSeries Of(IReadOnlyDictionary<DateOnly, decimal> sales, DateOnly last)
    {
        var first = sales.Keys.Where(day => day <= last).DefaultIfEmpty(last.AddDays(1)).Min();
        return new(first, [.. Enumerable.Range(0, last.DayNumber - first.DayNumber + 1).Select(index => sales.GetValueOrDefault(first.AddDays(index)))]);
    }

    /// <summary>The days, or the weeks (from Monday) or months that are in it whole, oldest first.</summary>
    /// <param name="interval">day, week or month.</param>
    public IReadOnlyList<TrendPoint> By(string interval)
    {
        var points = new List<TrendPoint>();
        for (var start = FirstStart(interval); Next(start, interval) <= First.AddDays(Daily.Count); start = Next(start, interval))
        {
            var (from, to) = (start.DayNumber - First.DayNumber, Next(start, interval).DayNumber - First.DayNumber);
            points.Add(new(start, Enumerable.Range(from, to - from).Sum(index => Daily[index])));
        }
        return points;
    }

    /// <summary>The first day of the interval after the one that begins on a day.</summary>
    public static DateOnly Next(DateOnly start, string interval) => interval switch
    {
        "week" => start.AddDays(7),
        "month" => start.AddMonths(1),
        _ => start.AddDays(1),
    };

    DateOnly FirstStart(string interval)
    {
        var start = First;
        while (interval == "week" && start.DayOfWeek != DayOfWeek.Monday || interval == "month" && start.Day != 1)
            start = start.AddDays(1);
        return start;
    }

    /// <summary>
    /// How each weekday does, 100 being the mean of all: the simple averages of the last whole weeks, a year of them at most, so
    /// that each weekday counts as often as any other.
    /// </summary>
    /// <returns>Monday first; empty for less than four weeks, or when nothing was sold on balance.</returns>
    public IReadOnlyList<SeasonIndex> Weekdays()
    {
        var weeks = Math.Min(52, Daily.Count / 7);
        var days = Daily.Skip(Daily.Count - weeks * 7).ToList();
        if (weeks < FewestWeeks || days.Sum() <= 0)
            return [];
        var start = First.AddDays(Daily.Count - weeks * 7);
        return [.. days.Select((sales, index) => (start.AddDays(index).DayOfWeek, Sales: sales))
            .GroupBy(day => day.DayOfWeek)
            .OrderBy(group => ((int)group.Key + 6) % 7)
            .Select(group => new SeasonIndex(group.Key.ToString(), Index(group.Average(day => day.Sales), days.Average())))];
    }

    /// <summary>How each month of the year does by its mean day, so that short months do not look weak; from the last whole years.</summary>
    /// <returns>January first; empty for less than two years, or when nothing was sold on balance.</returns>
    public IReadOnlyList<SeasonIndex> Months()
    {
        var months = By("month");
        var whole = months.Skip(months.Count % 12).ToList();
        if (whole.Count < 24 || whole.Sum(month => month.NetSales) <= 0)
            return [];
        static int Days(TrendPoint month) => DateTime.DaysInMonth(month.From.Year, month.From.Month);
        var mean = whole.Sum(month => month.NetSales) / whole.Sum(Days);
        return [.. whole.GroupBy(month => month.From.Month)
            .OrderBy(group => group.Key)
            .Select(group => new SeasonIndex(
                CultureInfo.InvariantCulture.DateTimeFormat.GetMonthName(group.Key),
                Index(group.Sum(month => month.NetSales) / group.Sum(Days), mean)))];
    }

    static decimal Index(decimal part, decimal mean) => decimal.Round(part / mean * 100, 1, MidpointRounding.AwayFromZero);
}
