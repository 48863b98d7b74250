using System.Text.Json;
using System.Text.RegularExpressions;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Conformance;

/// <summary>The protocol's own suite, against the server's own pipeline.</summary>
public sealed partial class ConformanceTests(ConformanceServer conformance) : IClassFixture<ConformanceServer>
{
    /// <summary>Everything that the suite runs and the server does not pass, scored or not, with the reason.</summary>
    static readonly (string Revision, string Scenario, string Reason)[] Exceptions =
    [
        ("2025-11-25", "tools-call-with-logging", NoSession),
        ("2025-11-25", "tools-call-sampling", NoSession),
        ("2025-11-25", "tools-call-elicitation", NoSession),
        ("2025-11-25", "elicitation-sep1034-defaults", NoSession),
        ("2025-11-25", "elicitation-sep1330-enums", NoSession),
        ("2025-11-25", "server-sse-multiple-streams", NothingChecked),
        // Not scored.
        ("2025-11-25", "server-session-lifecycle", NothingChecked),
        ("2025-11-25", "server-sse-polling", NothingChecked),
        ("2026-07-28", "tasks-lifecycle", NoTasks),
        ("2026-07-28", "tasks-capability-negotiation", NoTasks),
        ("2026-07-28", "tasks-wire-fields", NoTasks),
        ("2026-07-28", "tasks-request-state-removal", NoTasks),
        ("2026-07-28", "tasks-mrtr-input", NoTasks),
        ("2026-07-28", "tasks-request-headers", NoTasks),
        ("2026-07-28", "tasks-dispatch-and-envelope", NoTasks),
        ("2026-07-28", "tasks-required-task-error", NoTasks),
        ("2026-07-28", "tasks-mrtr-composition", NoTasks),
        ("2026-07-28", "tasks-status-notifications", NoTasks),
    ];

    const string NoSession = """
        Needs a session, in which the server logs to the client or asks it something. Zava keeps none: no tool of it does either,
        any instance can answer any request, and 2026-07-28 has no sessions. There, the same questions pass without one.
        """;

    const string NothingChecked = "Is about sessions. Without one the suite checks nothing, and counts it as passed.";

    const string NoTasks = "An extension of the protocol for calls that outlive their request. Zava's are over within a minute.";

    [Theory]
    [InlineData("2026-07-28", 50)]
    [InlineData("2025-11-25", 33)]
    public async Task Every_scenario_of_the_revision_passes_but_the_exceptions(string revision, int scenarios)
    {
        var results = Directory.CreateTempSubdirectory("zava-test-");
        var log = await RunSuiteAsync("--requirements", revision, "--output-dir", results.FullName);

        var ran = results.GetDirectories();
        Assert.True(ran.Length == scenarios, log);
        var failed = ran.Where(scenario => !Passes(ChecksOf(scenario))).Select(NameOf).Order().ToList();
        var excepted = Exceptions.Where(exception => exception.Revision == revision).Select(exception => exception.Scenario).Order().ToList();
        // An exception that passes is no exception any more.
        Assert.True(failed.SequenceEqual(excepted), $"""
            Fail: {string.Join(", ", failed.Except(excepted))}
            Pass, though they are excepted: {string.Join(", ", excepted.Except(failed))}
            {log}
            """);
        results.Delete(recursive: true);
    }

    [Fact]
    public async Task A_call_that_ends_in_a_question_is_recorded_as_answered_and_one_that_the_protocol_refuses_as_refused()
    {
        await RunSuiteAsync("--scenario", "input-required-result-tampered-state");
        await Eventually.EqualAsync("ok refused", () => conformance.Database.ScalarAsync<string>(
            "SELECT coalesce(string_agg(DISTINCT outcome, ' ' ORDER BY outcome), '') FROM retail.tool_calls WHERE tool = 'test_input_required_result_tampered_state'"));
    }

    async Task<string> RunSuiteAsync(params string[] options)
    {
        var (_, output, error) = await NodePackages.RunAsync(
            "node_modules/@modelcontextprotocol/conformance/dist/index.js",
            ["server", "--url", conformance.Server.McpAddress.ToString(), .. options]);
        return $"{output}\n{error}";
    }

    // That the messages are well-formed is checked in every scenario; one in which nothing else was has shown nothing.
    static bool Passes(Check[] checks) =>
        !checks.Any(check => check.Status == "FAILURE") && checks.Any(check => check.Status == "SUCCESS" && check.Id != "wire-schema-valid");

    sealed record Check(string Id, string Status);

    static Check[] ChecksOf(DirectoryInfo scenario) =>
        JsonSerializer.Deserialize<Check[]>(File.ReadAllText(Path.Combine(scenario.FullName, "checks.json")), JsonSerializerOptions.Web)!;

    static string NameOf(DirectoryInfo scenario) => ScenarioName().Match(scenario.Name).Groups[1].Value;

    [GeneratedRegex("^server-(.+?)-[0-9]{4}-[0-9]{2}-[0-9]{2}T")]
    private static partial Regex ScenarioName();
}
