namespace Zava.McpServer.Sales;

/// <summary>
/// Exponential smoothing of level, trend and season, additive: Holt (1957), Winters (1960); equations and initial state as in
/// Hyndman &amp; Athanasopoulos, Forecasting: Principles and Practice, 3rd ed. (2021), 8.3.
/// </summary>
/// <remarks>
/// The weights are those of a small grid whose one-step forecasts of the given past had the least squared error. A trend
/// weight of 0 means that there is no trend: a straight line through noise is the commonest way to be far off.
/// </remarks>
sealed class HoltWinters
{
    static readonly double[] Alphas = [.05, .1, .2, .3, .5];
    static readonly double[] Betas = [0, .02, .1];
    static readonly double[] Gammas = [0, .05, .1, .3];

    /// <summary>How many errors of one step there have to be, so that 80 % of them says something.</summary>
    public const int FewestErrors = 12;

    readonly double[] _past;
    readonly List<double>[] _errors;
    readonly State _state;

    HoltWinters(double[] past, int season, Weights weights, int horizon)
    {
        (_past, Season, Chosen) = (past, season, weights);
        _errors = [.. Enumerable.Range(0, horizon).Select(_ => new List<double>())];
        var warmUp = WarmUp(season);
        _state = State.Of(past, season, weights.Beta > 0);
        for (var at = warmUp; at < past.Length; at++)
        {
            for (var step = 1; step <= horizon && at + step <= past.Length; step++)
                _errors[step - 1].Add(past[at + step - 1] - _state.Forecast(step));
            _state = _state.After(past[at], weights);
        }
    }

    public sealed record Weights(double Alpha, double Beta, double Gamma);

    /// <summary>Length of the season; 1 when there is none.</summary>
    public int Season { get; }

    public Weights Chosen { get; }

    /// <summary>The shortest past that is fitted: two seasons to begin with, and something to be wrong about.</summary>
    public static int Shortest(int season) => WarmUp(season) + FewestErrors;

    /// <summary>For how many steps ahead there are enough errors.</summary>
    public static int Farthest(int length, int season) => Math.Max(0, length - WarmUp(season) - FewestErrors / 2);

    static int WarmUp(int season) => season > 1 ? 2 * season : 6;

    /// <summary>Fits the past, oldest first and without gaps.</summary>
    /// <param name="past">At least <see cref="Shortest"/> values.</param>
    /// <param name="season">Values in a season; 1 for none.</param>
    /// <param name="horizon">How many steps ahead will be asked for, at most <see cref="Farthest"/>.</param>
    public static HoltWinters Fit(double[] past, int season, int horizon)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(past.Length, Shortest(season));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(horizon, Farthest(past.Length, season));
        var weights =
            from alpha in Alphas
            from beta in Betas
            from gamma in season > 1 ? Gammas : [0]
            select new Weights(alpha, beta, gamma);
        return new(past, season, weights.MinBy(candidate => new HoltWinters(past, season, candidate, 1)._errors[0].Sum(error => error * error))!, horizon);
    }

    /// <summary>The value so many steps after the past.</summary>
    public double Forecast(int step) => _state.Forecast(step);

    /// <summary>
    /// How far off 80 % of the past forecasts of so many steps were at most, or of fewer steps where those were farther off: the
    /// nearest-rank quantile of absolute errors, as in split conformal prediction (Vovk et al. 2005).
    /// </summary>
    public double Margin(int step) => Enumerable.Range(0, step).Max(index =>
    {
        double[] sizes = [.. _errors[index].Select(Math.Abs).Order()];
        return sizes[Math.Min(sizes.Length, (int)Math.Ceiling(.8 * (sizes.Length + 1))) - 1];
    });

    /// <summary>Mean absolute error of its forecasts of one step.</summary>
    public double MeanError => _errors[0].Average(Math.Abs);

    /// <summary>Mean absolute error, over the same values, of "as a season ago", or without a season "as the last one".</summary>
    public double NaiveError => Enumerable.Range(WarmUp(Season), _past.Length - WarmUp(Season)).Average(at => Math.Abs(_past[at] - _past[at - Season]));

    /// <summary>What is known after some values; <paramref name="Seasons"/> begins with the place of the next.</summary>
    sealed record State(double Level, double Trend, double[] Seasons)
    {
        /// <summary>After the first two seasons: their means, the growth between these, and the mean deviations from them.</summary>
        public static State Of(double[] past, int season, bool hasTrend)
        {
            var half = WarmUp(season) / 2;
            var (first, second) = (past[..half].Average(), past[half..(2 * half)].Average());
            var trend = hasTrend ? (second - first) / half : 0;
            return new(
                second + trend * (half - 1) / 2, trend,
                season == 1 ? [0] : [.. Enumerable.Range(0, season).Select(place => (past[place] - first + past[half + place] - second) / 2)]);
        }

        public double Forecast(int step) => Level + step * Trend + Seasons[(step - 1) % Seasons.Length];

        public State After(double value, Weights weights)
        {
            var expected = Level + Trend;
            var level = weights.Alpha * (value - Seasons[0]) + (1 - weights.Alpha) * expected;
            return new(
                level,
                weights.Beta * (level - Level) + (1 - weights.Beta) * Trend,
                [.. Seasons[1..], weights.Gamma * (value - expected) + (1 - weights.Gamma) * Seasons[0]]);
        }
    }
}
