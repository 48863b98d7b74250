using System.ComponentModel;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Zava.Tests.Conformance.Fixture;

/// <summary>Prompts by the names that the conformance suite asks for.</summary>
[McpServerPromptType]
sealed class FixturePrompts
{
    [McpServerPrompt(Name = "test_simple_prompt"), Description("A text.")]
    public static PromptMessage Simple() => User(new TextContentBlock { Text = "This is a simple prompt for testing." });

    [McpServerPrompt(Name = "test_prompt_with_arguments"), Description("A text with two arguments in it.")]
    public static PromptMessage WithArguments([Description("First")] string arg1, [Description("Second")] string arg2) =>
        User(new TextContentBlock { Text = $"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'" });

    [McpServerPrompt(Name = "test_prompt_with_embedded_resource"), Description("A resource and a text.")]
    public static PromptMessage[] WithResource([Description("Address of the resource")] string resourceUri) =>
    [
        User(new EmbeddedResourceBlock
        {
            Resource = new TextResourceContents { Uri = resourceUri, MimeType = "text/plain", Text = "Embedded resource content for testing." },
        }),
        User(new TextContentBlock { Text = "Please process the embedded resource above." }),
    ];

    [McpServerPrompt(Name = "test_prompt_with_image"), Description("An image and a text.")]
    public static PromptMessage[] WithImage() =>
    [
        User(ImageContentBlock.FromBytes(Media.Png, "image/png")),
        User(new TextContentBlock { Text = "Please analyze the image above." }),
    ];

    [McpServerPrompt(Name = "test_input_required_result_prompt"), Description("Asks for what it is about.")]
    public static PromptMessage WithInput(RequestContext<GetPromptRequestParams> request) =>
        Input.Text(request.Params.InputResponses, "user_context", "context") is { } context
            ? User(new TextContentBlock { Text = $"The context is {context}." })
            : throw new InputRequiredException(new Dictionary<string, InputRequest>
            {
                ["user_context"] = Input.Ask("What context should the prompt use?", "context"),
            });

    static PromptMessage User(ContentBlock content) => new() { Role = Role.User, Content = content };
}
