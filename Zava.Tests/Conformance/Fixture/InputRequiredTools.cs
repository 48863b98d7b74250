using System.ComponentModel;
using System.Security.Cryptography;
using System.Text;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Zava.Tests.Conformance.Fixture;

/// <summary>Tools that need something of the client before they can answer, as 2026-07-28 does it: in several round trips.</summary>
[McpServerToolType]
sealed class InputRequiredTools
{
    static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    [McpServerTool(Name = "test_input_required_result_elicitation"), Description("Asks for a name.")]
    public static string AskName(RequestContext<CallToolRequestParams> request) =>
        Input.Text(request.Params.InputResponses, "user_name", "name") is { } name
            ? $"Hello, {name}!"
            : throw Required(null, ("user_name", Input.Ask("What is your name?", "name")));

    [McpServerTool(Name = "test_input_required_result_sampling"), Description("Asks the client's model.")]
    public static string AskModel(RequestContext<CallToolRequestParams> request) =>
        Input.Answer(request.Params.InputResponses, "capital_question") is { } answer
            ? $"The model said: {answer.GetProperty("content")}"
            : throw Required(null, ("capital_question", Input.Sample("What is the capital of France?", 100)));

    [McpServerTool(Name = "test_input_required_result_list_roots"), Description("Asks for the client's roots.")]
    public static string AskRoots(RequestContext<CallToolRequestParams> request) =>
        Input.Answer(request.Params.InputResponses, "client_roots") is { } answer
            ? $"Roots: {answer.GetProperty("roots")}"
            : throw Required(null, ("client_roots", Input.Roots()));

    [McpServerTool(Name = "test_input_required_result_request_state"), Description("Asks for a confirmation and wants its state back.")]
    public static string KeepState(RequestContext<CallToolRequestParams> request) =>
        request.Params.RequestState is { } state && Unseal(state) == "confirm"
            ? "state-ok"
            : throw Required(Seal("confirm"), ("confirm", Confirm()));

    [McpServerTool(Name = "test_input_required_result_tampered_state"), Description("Refuses a state that is not its own.")]
    public static string CheckState(RequestContext<CallToolRequestParams> request) =>
        request.Params.RequestState is { } state
            ? Unseal(state)
            : throw Required(Seal("confirm"), ("confirm", Confirm()));

    [McpServerTool(Name = "test_input_required_result_multiple_inputs"), Description("Asks for three things at once.")]
    public static string AskAll(RequestContext<CallToolRequestParams> request) =>
        request.Params is { RequestState: { } state, InputResponses: { } given } && Unseal(state) == "all"
        && given.ContainsKey("user_name") && given.ContainsKey("greeting") && given.ContainsKey("client_roots")
            ? "All three were given."
            : throw Required(Seal("all"),
                ("user_name", Input.Ask("What is your name?", "name")), ("greeting", Input.Sample("Generate a greeting", 50)), ("client_roots", Input.Roots()));

    [McpServerTool(Name = "test_input_required_result_multi_round"), Description("Asks twice, one after the other.")]
    public static string AskTwice(RequestContext<CallToolRequestParams> request) => (request.Params.RequestState is { } state ? Unseal(state) : null) switch
    {
        null => throw Required(Seal("1"), ("step1", Input.Ask("Step 1: What is your name?", "name"))),
        "1" => throw Required(Seal("2"), ("step2", Input.Ask("Step 2: What is your favorite color?", "color"))),
        _ => "Both were given.",
    };

    [McpServerTool(Name = "test_input_required_result_capabilities"), Description("Asks for what the client declares that it can do.")]
    public static string AskWhatIsDeclared(RequestContext<CallToolRequestParams> request)
    {
        var capabilities = request.Server.ClientCapabilities;
        List<(string, InputRequest)> requests = [];
        if (capabilities?.Elicitation is not null)
            requests.Add(("user_name", Input.Ask("What is your name?", "name")));
#pragma warning disable MCP9005 // Sampling is deprecated, and still part of the suite.
        if (capabilities?.Sampling is not null)
            requests.Add(("greeting", Input.Sample("Generate a greeting", 50)));
#pragma warning restore MCP9005
        return requests.Count == 0 || request.Params.InputResponses is not null ? "Nothing to ask." : throw Required(null, [.. requests]);
    }

#pragma warning disable MCP9005
    [McpServerTool(Name = "test_missing_capability"), Description("Refuses clients that cannot sample.")]
    public static string NeedSampling(RequestContext<CallToolRequestParams> request) => request.Server.ClientCapabilities?.Sampling is not null
        ? "The client can sample."
        : throw new MissingRequiredClientCapabilityException(new() { Sampling = new() }, "This tool needs a client that can sample.");
#pragma warning restore MCP9005

    [McpServerTool(Name = "test_streaming_elicitation"), Description("Asks for a name; its stream must carry no request of its own.")]
    public static string AskInStream(RequestContext<CallToolRequestParams> request) => AskName(request);

    static InputRequest Confirm() => Input.Ask("Please confirm", "ok", new ElicitRequestParams.BooleanSchema());

    static InputRequiredException Required(string? state, params (string Key, InputRequest Request)[] requests) =>
        new(requests.ToDictionary(request => request.Key, request => request.Request), state);

    static string Seal(string state) => $"{state}.{Convert.ToHexString(HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes(state)))}";

    // Who changed it must not go on with it.
    static string Unseal(string sealedState) => sealedState.Split('.') is [var state, _] && Seal(state) == sealedState
        ? state
        : throw new McpProtocolException("requestState was changed.", McpErrorCode.InvalidParams);
}
