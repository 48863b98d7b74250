using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;

namespace Zava.McpServer.Operations;

/// <summary>
/// Markup that is made of literals of the source and of values, which are encoded: no value can become an element, and none an
/// attribute where the template quotes it.
/// </summary>
sealed class Html
{
    readonly string _markup;

    Html(string markup) => _markup = markup;

    public static Html Empty { get; } = new("");

    public static Html Of(Template template) => new(template.ToMarkup());

    public override string ToString() => _markup;

    /// <summary>Encodes what the braces of a template hold.</summary>
    [InterpolatedStringHandler]
    public readonly struct Template(int literalLength, int formattedCount)
    {
        readonly StringBuilder _markup = new(literalLength + 16 * formattedCount);

        public void AppendLiteral(string literal) => _markup.Append(literal);

        public void AppendFormatted(Html part) => _markup.Append(part._markup);

        public void AppendFormatted(IEnumerable<Html> parts)
        {
            foreach (var part in parts)
                AppendFormatted(part);
        }

        public void AppendFormatted(string? text) => _markup.Append(HtmlEncoder.Default.Encode(text ?? ""));

        public void AppendFormatted<T>(T value, string? format = null) where T : struct, IFormattable =>
            AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));

        public string ToMarkup() => _markup.ToString();
    }
}
