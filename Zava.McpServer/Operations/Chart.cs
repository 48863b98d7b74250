using System.Globalization;

namespace Zava.McpServer.Operations;

/// <summary>A small chart over time as SVG; its colours are in operations.css, because the page allows no style of its own.</summary>
/// <param name="Title">What it shows, with its unit.</param>
/// <param name="From">Label of its left end.</param>
/// <param name="Series">One or two lines, values from left to right, all of one length; <c>null</c> where there is none.</param>
sealed record Chart(string Title, string From, IReadOnlyList<(string Name, IReadOnlyList<double?> Values)> Series)
{
    const int Width = 560, Height = 220, Left = 52, Right = 12, Top = 52, Bottom = 26;

    public Html Draw()
    {
        var step = Step(Series.SelectMany(series => series.Values).Max() ?? 0);
        var top = 4 * step;
        return Html.Of($"""
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="{Title}: {string.Join(", ", Series.Select(Last))}">
            <text class="title" x="0" y="16">{Title}</text>
            {Series.Select((series, index) => Legend(series, index))}
            {Enumerable.Range(0, 5).Select(line => Grid(line * step, Y(line * step / top)))}
            {Series.Select((series, index) => Line(series.Values, index, top))}
            <text x="{Left}" y="{Height - 6}">{From}</text><text x="{Width - Right}" y="{Height - 6}" text-anchor="end">now</text>
            </svg>
            """);
    }

    static string Last((string Name, IReadOnlyList<double?> Values) series) =>
        string.Create(CultureInfo.InvariantCulture, $"{series.Name} {series.Values.LastOrDefault(value => value is not null) ?? 0:0.##}");

    static Html Legend((string Name, IReadOnlyList<double?> Values) series, int index) => Html.Of($"""
        <rect class="f{index}" x="{Left + 150 * index}" y="30" width="10" height="10"/><text x="{Left + 150 * index + 15}" y="39">{Last(series)}</text>
        """);

    static Html Grid(double value, double y) => Html.Of($"""
        <line class="grid" x1="{Left}" x2="{Width - Right}" y1="{y:0.#}" y2="{y:0.#}"/><text x="{Left - 6}" y="{y + 4:0.#}" text-anchor="end">{value:#,0.##}</text>
        """);

    // A value whose neighbours are missing would be no line: a dot shows it.
    static Html Line(IReadOnlyList<double?> values, int index, double top)
    {
        var points = values.Select((value, place) => (X: X((place + .5) / values.Count), Value: value)).ToList();
        var path = string.Concat(points.Select((point, place) => point.Value is not { } value ? ""
            : string.Create(CultureInfo.InvariantCulture, $"{(place > 0 && points[place - 1].Value is not null ? 'L' : 'M')}{point.X:0.#} {Y(value / top):0.#}h.1 ")));
        return Html.Of($"<path class=\"s{index}\" fill=\"none\" stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\" d=\"{path}\"/>");
    }

    // A quarter of the axis: 1, 2 or 5 times a power of ten.
    static double Step(double highest)
    {
        if (highest <= 0)
            return 1;
        var power = Math.Pow(10, Math.Floor(Math.Log10(highest / 4)));
        return power * (highest / 4 / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
    }

    static double X(double fraction) => Left + fraction * (Width - Left - Right);

    static double Y(double fraction) => Height - Bottom - fraction * (Height - Top - Bottom);
}
