using System.Text;

namespace Zava.McpServer.Operations;

/// <summary>What every page has.</summary>
static class Layout
{
    const string ContentType = "text/html; charset=utf-8";

    /// <param name="title">Of the window.</param>
    /// <param name="body">Its content.</param>
    /// <param name="script">A file of Assets; <c>null</c> for none.</param>
    /// <param name="status">Of the answer.</param>
    public static IResult Page(string title, Html body, string? script, int status = StatusCodes.Status200OK) => Fragment(Html.Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{title} – Zava</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/assets/pico.classless.min.css">
        <link rel="stylesheet" href="/assets/operations.css">
        {(script is null ? Html.Empty : Html.Of($"<script src=\"/assets/{script}\" defer></script>"))}
        </head>
        <body>
        {body}
        </body>
        </html>
        """), status);

    public static IResult Fragment(Html html, int status = StatusCodes.Status200OK) => Results.Content(html.ToString(), ContentType, Encoding.UTF8, status);

    /// <summary>A table that a phone can scroll sideways, by keyboard too.</summary>
    /// <param name="name">What it is, for who cannot see where it stands.</param>
    /// <param name="columns">Headings; one that begins with # is of numbers.</param>
    /// <param name="rows">Cells of each row, the first of which names it.</param>
    public static Html Table(string name, string[] columns, IEnumerable<Html[]> rows)
    {
        Html Cell(string tag, int column, Html content) => columns[column].StartsWith('#')
            ? Html.Of($"<td class=\"number\">{content}</td>")
            : tag == "th" ? Html.Of($"<th scope=\"row\">{content}</th>") : Html.Of($"<td>{content}</td>");
        var lines = rows.Select(row => Html.Of($"<tr>{row.Select((cell, column) => Cell(column == 0 ? "th" : "td", column, cell))}</tr>")).ToList();
        return lines.Count == 0 ? Html.Of($"<p>None.</p>") : Html.Of($"""
            <div class="scroll" role="region" aria-label="{name}" tabindex="0"><table>
            <thead><tr>{columns.Select(column => column.StartsWith('#')
                ? Html.Of($"<th scope=\"col\" class=\"number\">{column[1..]}</th>")
                : Html.Of($"<th scope=\"col\">{column}</th>"))}</tr></thead>
            <tbody>{lines.AsEnumerable()}</tbody>
            </table></div>
            """);
    }
}
