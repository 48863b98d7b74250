using System.ComponentModel;
using System.Globalization;

namespace Zava.McpServer.Sales;

/// <summary>What may come if the past goes on.</summary>
public sealed record SalesForecast(
    [property: Description("How it was made")] string Method,
    [property: Description("Mean error of its past forecasts of the next interval, percent of mean net sales")] decimal? ErrorPercent,
    [property: Description("The same for 'as a season ago', or without a season 'as the last one': a method that is not better adds nothing")] decimal? NaiveErrorPercent,
    IReadOnlyList<ForecastPoint> Points)
{
    const int Days = 364;

    // Where a second year is there to learn it from, a week or a month is compared with itself a year ago.
    static int Season(string interval, int count) => interval switch
    {
        "day" => 7,
        "week" when count >= HoltWinters.Shortest(52) => 52,
        "month" when count >= HoltWinters.Shortest(12) => 12,
        _ => 1,
    };

    /// <summary>The shortest past that something is forecast from, in intervals.</summary>
    public static int Shortest(string interval) => HoltWinters.Shortest(Season(interval, 0));

    /// <summary>Forecasts as many intervals as the past allows, at most <paramref name="count"/>.</summary>
    /// <returns><c>null</c> when the past is too short.</returns>
    internal static SalesForecast? Of(IReadOnlyList<TrendPoint> past, string interval, int count)
    {
        var fitted = interval == "day" ? [.. past.TakeLast(Days)] : past;
        if (count == 0 || fitted.Count < Shortest(interval))
            return null;
        var season = Season(interval, fitted.Count);
        var values = fitted.Select(point => (double)point.NetSales).ToArray();
        var model = HoltWinters.Fit(values, season, Math.Min(count, HoltWinters.Farthest(values.Length, season)));
        // A shop that never gave back more than it took is not forecast to.
        var floor = Math.Min(0, values.Min());
        var mean = values.Average();
        var points = new List<ForecastPoint>();
        var start = past[^1].From;
        for (var step = 1; step <= Math.Min(count, HoltWinters.Farthest(values.Length, season)); step++)
        {
            start = SalesSeries.Next(start, interval);
            var (value, margin) = (model.Forecast(step), model.Margin(step));
            points.Add(new(start, Money(value), Money(value - margin), Money(value + margin)));
        }
        return new(Describe(model, interval, fitted.Count), Percent(model.MeanError), Percent(model.NaiveError), points);

        decimal Money(double amount) => decimal.Round((decimal)Math.Max(amount, floor), 2, MidpointRounding.AwayFromZero);
        decimal? Percent(double error) => mean > 0 ? decimal.Round((decimal)(error / mean * 100), 1, MidpointRounding.AwayFromZero) : null;
    }

    static string Describe(HoltWinters model, string interval, int count) => string.Create(CultureInfo.InvariantCulture,
        $"Holt-Winters additive smoothing of {count} {interval}s: level (alpha {model.Chosen.Alpha}), " +
        $"{(model.Chosen.Beta > 0 ? $"trend (beta {model.Chosen.Beta})" : "no trend")}, " +
        $"{(model.Season > 1 ? $"season of {model.Season} {interval}s (gamma {model.Chosen.Gamma})" : "no season")}; weights of least squared error. " +
        $"low to high: 80% of its past errors at that distance were smaller. Knows nothing of holidays, prices or plans.");
}

/// <summary>One interval to come.</summary>
public sealed record ForecastPoint(DateOnly From, decimal NetSales, decimal Low, decimal High);

/// <summary>One interval that is over.</summary>
public sealed record TrendPoint([property: Description("First day")] DateOnly From, decimal NetSales);

/// <summary>How a weekday or month does.</summary>
public sealed record SeasonIndex(string Name, decimal Index);
