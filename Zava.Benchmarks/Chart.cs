using System.Globalization;
using System.Text;

namespace Zava.Benchmarks;

/// <summary>A small chart as SVG, readable in light and dark.</summary>
/// <param name="Title">What it shows, with its unit.</param>
/// <param name="Labels">Below the horizontal axis, evenly spread; as many as are wanted.</param>
/// <param name="Series">Values from left to right; all of one length.</param>
sealed record Chart(string Title, IReadOnlyList<string> Labels, IReadOnlyList<(string Name, IReadOnlyList<double> Values)> Series)
{
    const int Width = 720, Height = 280, Left = 56, Right = 16, Top = 56, Bottom = 32;

    /// <summary>One line for each series.</summary>
    public string Lines()
    {
        var (svg, top) = Begin();
        foreach (var (index, (_, values)) in Series.Index())
        {
            var points = values.Select((value, i) => $"{N(X((i + .5) / values.Count))},{N(Y(value / top))}");
            svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"s{index}\" fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\" points=\"{string.Join(' ', points)}\"/>\n");
        }
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Bars side by side for each place.</summary>
    public string Bars()
    {
        var (svg, top) = Begin();
        foreach (var (index, (_, values)) in Series.Index())
            for (var i = 0; i < values.Count; i++)
            {
                var slot = 1.0 / values.Count;
                var (from, wide) = (X((i + .1 + .8 * index / Series.Count) * slot), (X(slot) - X(0)) * .8 / Series.Count - 1);
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"f{index}\" x=\"{N(from)}\" y=\"{N(Y(values[i] / top))}\" width=\"{N(wide)}\" height=\"{N(Y(0) - Y(values[i] / top))}\"/>\n");
            }
        return svg.Append("</svg>\n").ToString();
    }

    (StringBuilder Svg, double Top) Begin()
    {
        var step = Step(Series.Max(series => series.Values.Max()) / 4);
        var top = step * Math.Ceiling(Series.Max(series => series.Values.Max()) / step);
        var svg = new StringBuilder();
        // The colours of Okabe and Ito (2008), which people with any colour vision can tell apart.
        svg.Append(CultureInfo.InvariantCulture, $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{Width}} {{Height}}" role="img" aria-label="{{Escape(Title)}}" font-family="system-ui, sans-serif" font-size="12">
            <style>
            text { fill: #24292f } .grid { stroke: #d0d7de } .s0 { stroke: #0072b2 } .s1 { stroke: #d55e00 } .s2 { stroke: #009e73 } .s3 { stroke: #cc79a7 }
            .f0 { fill: #0072b2 } .f1 { fill: #d55e00 } .f2 { fill: #009e73 } .f3 { fill: #cc79a7 }
            @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .grid { stroke: #3d444d } .s0 { stroke: #56b4e9 } .f0 { fill: #56b4e9 } }
            </style>
            <text x="{{Left}}" y="20" font-size="15" font-weight="600">{{Escape(Title)}}</text>

            """);
        var at = Left;
        if (Series.Count > 1)
            foreach (var (index, (name, _)) in Series.Index())
            {
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"f{index}\" x=\"{at}\" y=\"32\" width=\"10\" height=\"10\"/><text x=\"{at + 14}\" y=\"41\">{Escape(name)}</text>\n");
                at += 28 + 8 * name.Length;
            }
        for (var value = 0.0; value <= top + step / 2; value += step)
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{N(Y(value / top))}\" y2=\"{N(Y(value / top))}\"/><text x=\"{Left - 6}\" y=\"{N(Y(value / top) + 4)}\" text-anchor=\"end\">{value.ToString("#,0.##", CultureInfo.InvariantCulture)}</text>\n");
        foreach (var (index, label) in Labels.Index())
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{N(X((index + .5) / Labels.Count))}\" y=\"{Height - 10}\" text-anchor=\"middle\">{Escape(label)}</text>\n");
        return (svg, top);
    }

    // 1, 2 or 5 times a power of ten.
    static double Step(double atLeast)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(atLeast)));
        return power * (atLeast / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
    }

    static double X(double fraction) => Left + fraction * (Width - Left - Right);

    static double Y(double fraction) => Height - Bottom - fraction * (Height - Top - Bottom);

    static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    static string Escape(string text) => text.Replace("&", "&amp;").Replace("<", "&lt;").Replace("\"", "&quot;");
}
