using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Zava.McpServer;
using Zava.McpServer.Completions;
using Zava.McpServer.Identity;
using Zava.McpServer.Tools;

namespace Zava.Benchmarks;

/// <summary>docs/tools.md, written from what the server registers: tools of every scope, resources, prompts and completions.</summary>
public static class ToolReference
{
    /// <summary>The document. The same server gives the same text.</summary>
    public static async Task<string> WriteAsync()
    {
        // Built and never started: nothing listens, and nothing connects.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:retail_db"] = "Host=localhost",
            ["Database:ContextKey:Secret"] = Convert.ToBase64String(new byte[32]),
            ["Identity:Authority"] = "https://localhost",
            ["Identity:Audience"] = "zava",
        });
        await using var app = builder.BuildZavaMcpServer();
        var text = new StringBuilder("""
            # Tools, resources and prompts

            Written by `./zava docs` from the server itself; a test compares the two. A caller is listed what the scopes of the token
            allow ([Operations](operations.md) has the scopes). Arguments that are not described here are refused. Each answer is
            `structuredContent` with the fields of the table, and the same as text.

            ## Tools

            """);
        foreach (var tool in app.Services.GetServices<McpServerTool>().OrderBy(tool => tool.ProtocolTool.Name, StringComparer.Ordinal))
            Write(text, tool);
        Write(text, app.Services.GetServices<McpServerResource>().OrderBy(resource => resource.ProtocolResourceTemplate.UriTemplate, StringComparer.Ordinal));
        Write(text, app.Services.GetServices<McpServerPrompt>().OrderBy(prompt => prompt.ProtocolPrompt.Name, StringComparer.Ordinal));
        text.Append($"""

            ## Completions

            While a variable of a resource template or an argument of a prompt is filled in, a client is offered at most
            {CompletionHandler.MaximumValues} values for: {string.Join(", ", CompletionHandler.Completed.Order(StringComparer.Ordinal).Select(Code))}. Other texts are the person's own.

            """);
        return text.ToString().ReplaceLineEndings("\n");
    }

    static void Write(StringBuilder text, McpServerTool tool)
    {
        var protocol = tool.ProtocolTool;
        text.Append(CultureInfo.InvariantCulture, $"""

            ### {protocol.Name}

            **{protocol.Title}.** {Line(protocol.Description)}

            {ScopeOf(tool)}; {Hints(protocol.Annotations)}.


            """);
        var schema = protocol.InputSchema;
        var required = schema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(name => name.GetString()).ToHashSet() : [];
        var arguments = schema.TryGetProperty("properties", out var properties) ? properties.EnumerateObject().ToList() : [];
        if (arguments.Count == 0)
            text.Append("No arguments.\n\n");
        else
        {
            text.Append("| argument | allowed | default | |\n|---|---|---|---|\n");
            foreach (var argument in arguments)
                Row(text, Code(argument.Name), ArgumentValidator.Allowed(argument.Value), required.Contains(argument.Name) ? "required" : Default(argument.Value), Describe(argument.Value));
            text.Append('\n');
        }
        if (protocol.OutputSchema is { } output)
        {
            text.Append("| field of the answer | type | |\n|---|---|---|\n");
            foreach (var (path, type, description) in SchemaFields.Of(output))
                Row(text, Code(path), type, description);
        }
    }

    static void Write(StringBuilder text, IEnumerable<McpServerResource> resources)
    {
        text.Append("\n## Resources\n\nNone is listed by its address; each is read by a template (`resources/templates/list`).\n\n| template | title | type | scope | |\n|---|---|---|---|---|\n");
        foreach (var resource in resources)
        {
            var template = resource.ProtocolResourceTemplate;
            Row(text, Code(template.UriTemplate), template.Title ?? template.Name, template.MimeType ?? "", ScopeOf(resource), Line(template.Description));
        }
    }

    static void Write(StringBuilder text, IEnumerable<McpServerPrompt> prompts)
    {
        text.Append("\n## Prompts\n");
        foreach (var prompt in prompts)
        {
            text.Append($"\n### {prompt.ProtocolPrompt.Name}\n\n**{prompt.ProtocolPrompt.Title}.** {Line(prompt.ProtocolPrompt.Description)}\n\n{ScopeOf(prompt)}.\n\n| argument | | |\n|---|---|---|\n");
            foreach (var argument in prompt.ProtocolPrompt.Arguments ?? [])
                Row(text, Code(argument.Name), argument.Required is true ? "required" : "may be left out", Line(argument.Description));
        }
    }

    static string ScopeOf(IMcpServerPrimitive primitive) => Scopes.RequiredBy(primitive) switch
    {
        [] => "No scope",
        var scopes => $"Scope {string.Join(" and ", scopes.Order(StringComparer.Ordinal).Select(Code))}",
    };

    static string Hints(ToolAnnotations? hints) => string.Join(", ",
        hints?.ReadOnlyHint is true ? "read-only" : hints?.DestructiveHint is false ? "writes, but destroys nothing" : "writes",
        hints?.IdempotentHint is true ? "idempotent" : "not idempotent",
        hints?.OpenWorldHint is false ? "closed world" : "open world");

    static string Default(JsonElement schema) =>
        schema.TryGetProperty("default", out var value) && value.ValueKind != JsonValueKind.Null ? Code(value.GetRawText()) : "";

    static string Describe(JsonElement schema) => schema.TryGetProperty("description", out var description) ? Line(description.GetString()) : "";

    static string Code(string text) => $"`{text}`";

    static string Line(string? text) => string.Join(' ', (text ?? "").Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    static void Row(StringBuilder text, params string[] cells) =>
        text.Append("| ").AppendJoin(" | ", cells.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");
}
