using System.ComponentModel;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Zava.Tests.Conformance.Fixture;

/// <summary>Tools by the names that the conformance suite calls; its scenarios say what each has to answer.</summary>
[McpServerToolType]
sealed class FixtureTools
{
    [McpServerTool(Name = "test_simple_text"), Description("Answers with text.")]
    public static string Text() => "This is a simple text response for testing.";

    [McpServerTool(Name = "test_image_content"), Description("Answers with an image.")]
    public static ImageContentBlock Image() => ImageContentBlock.FromBytes(Media.Png, "image/png");

    [McpServerTool(Name = "test_audio_content"), Description("Answers with a sound.")]
    public static AudioContentBlock Audio() => AudioContentBlock.FromBytes(Media.Wav, "audio/wav");

    [McpServerTool(Name = "test_embedded_resource"), Description("Answers with a resource.")]
    public static EmbeddedResourceBlock Embedded() => new()
    {
        Resource = new TextResourceContents { Uri = "test://embedded-resource", MimeType = "text/plain", Text = "This is an embedded resource content." },
    };

    [McpServerTool(Name = "test_multiple_content_types"), Description("Answers with text, an image and a resource.")]
    public static ContentBlock[] Mixed() =>
    [
        new TextContentBlock { Text = "Multiple content types test:" },
        Image(),
        new EmbeddedResourceBlock
        {
            Resource = new TextResourceContents { Uri = "test://mixed-content-resource", MimeType = "application/json", Text = """{"test":"data","value":123}""" },
        },
    ];

    [McpServerTool(Name = "test_error_handling"), Description("Always fails.")]
    public static string Fail() => throw new McpException("This tool intentionally returns an error for testing");

    [McpServerTool(Name = "test_tool_with_progress"), Description("Reports progress three times.")]
    public static async Task<string> ProgressAsync(IProgress<ProgressNotificationValue> progress, CancellationToken cancellationToken)
    {
        foreach (var done in (int[])[0, 50, 100])
        {
            progress.Report(new() { Progress = done, Total = 100 });
            await Task.Delay(50, cancellationToken);
        }
        return "Progress was reported.";
    }

    // What a 2026-07-28 client hears only if its request asks for it.
#pragma warning disable MCP9005 // Logging to clients is deprecated, and still part of the suite.
    [McpServerTool(Name = "test_logging_tool"), Description("Logs to the client once.")]
    public static string LogOnce(RequestContext<CallToolRequestParams> request)
    {
        request.Server.AsClientLoggerProvider().CreateLogger(nameof(FixtureTools)).LogInformation("Logged");
        return "Logged, if the client asked for it.";
    }

    [McpServerTool(Name = "test_tool_with_logging"), Description("Logs to the client three times.")]
    public static async Task<string> LogAsync(RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken)
    {
        var logger = request.Server.AsClientLoggerProvider().CreateLogger(nameof(FixtureTools));
        logger.LogInformation("Tool execution started");
        await Task.Delay(50, cancellationToken);
        logger.LogInformation("Tool processing data");
        await Task.Delay(50, cancellationToken);
        logger.LogInformation("Tool execution completed");
        return "Logged three times.";
    }
#pragma warning restore MCP9005
}
