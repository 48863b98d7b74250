namespace Zava.Seeder.SampleData;

/// <summary>When a store is open and how busy it is: seasons, weekdays, holidays and hours, in the store's time zone.</summary>
/// <remarks>The weights are invented, in the shape of retail: a strong December, full Saturdays, after-work and late-evening peaks.</remarks>
sealed class StoreCalendar(Store store, DateOnly asOf)
{
    public const int Length = 365;

    static readonly double[] MonthWeights = [.80, .85, .95, 1.0, 1.05, 1.05, 1.0, 1.05, .95, 1.0, 1.2, 1.5];

    // From Sunday on, as DayOfWeek counts.
    static readonly double[] InStoreWeekdays = [1.15, .80, .75, .85, .95, 1.20, 1.60];
    static readonly double[] OnlineWeekdays = [1.10, 1.15, 1.05, 1.0, .95, .90, .90];

    // From the opening hour on. Nobody buys online before four: the hours in which clocks change are left out.
    static readonly double[] WorkingDayHours = [2, 3, 4, 6, 5, 4, 4, 5, 8, 9, 6, 3];
    static readonly double[] WeekendHours = [3, 6, 9, 10, 10, 10, 9, 8, 6, 4, 3, 2];
    static readonly double[] OnlineHours = [1, 1, 2, 3, 4, 4, 4, 5, 6, 5, 4, 4, 4, 5, 6, 8, 10, 11, 8, 4];

    /// <summary>The first of <see cref="Length"/> days.</summary>
    public DateOnly FirstDay { get; } = asOf.AddDays(1 - Length);

    /// <summary>How many receipts a day has, relative to others; 0 when the store is closed.</summary>
    public double Weight(DateOnly day)
    {
        if (!store.IsOnline && (IsThanksgiving(day) || day is { Month: 12, Day: 25 }))
            return 0;
        var weekday = (store.IsOnline ? OnlineWeekdays : InStoreWeekdays)[(int)day.DayOfWeek];
        var occasion = IsThanksgiving(day.AddDays(-1)) ? (store.IsOnline ? 1.8 : 2.4) // the Friday after
            : store.IsOnline && IsThanksgiving(day.AddDays(-4)) ? 2.6                 // the Monday after
            : day is { Month: 12, Day: >= 10 and <= 23 } ? 1.4
            : 1;
        var growth = 1 + .1 * (day.DayNumber - FirstDay.DayNumber) / Length;
        return MonthWeights[day.Month - 1] * weekday * occasion * growth;
    }

    /// <summary>Moments of so many receipts of a day, UTC, in order of time.</summary>
    public List<DateTime> Moments(DateOnly day, int count, SampleRandom random)
    {
        var (opens, weights) = Hours(day);
        var hours = new WeightedList<int>([.. Enumerable.Range(0, weights.Length)], hour => weights[hour]);
        var moments = new List<DateTime>(count);
        for (var i = 0; i < count; i++)
            moments.Add(TimeZoneInfo.ConvertTimeToUtc(
                day.ToDateTime(default).AddSeconds((opens + hours.Pick(random)) * 3600 + random.Between(0, 3599)), store.TimeZone));
        moments.Sort();
        return moments;
    }

    (int Opens, double[] Weights) Hours(DateOnly day) => (store.IsOnline, day) switch
    {
        (true, _) => (4, OnlineHours),
        (_, { Month: 12, Day: 24 }) => (9, WeekendHours[..8]),
        (_, { DayOfWeek: DayOfWeek.Sunday }) => (10, WeekendHours[1..10]),
        (_, { DayOfWeek: DayOfWeek.Saturday }) => (9, WeekendHours),
        _ => (9, WorkingDayHours),
    };

    static bool IsThanksgiving(DateOnly day) => day is { Month: 11, DayOfWeek: DayOfWeek.Thursday, Day: >= 22 and <= 28 };
}
