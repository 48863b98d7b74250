using System.ComponentModel;
using System.Text.Json;
using ModelContextProtocol.Server;

namespace Zava.Tests.Conformance.Fixture;

/// <summary>Tools whose input schemas the suite looks at.</summary>
static class SchemaTools
{
    public static IEnumerable<McpServerTool> All => [WithWholeVocabulary(), McpServerTool.Create(WithHeader)];

    // Keywords that no parameter of a method makes; they must reach the client unchanged.
    static McpServerTool WithWholeVocabulary()
    {
        var tool = McpServerTool.Create(() => "Called.", new() { Name = "json_schema_2020_12_tool", Description = "Has JSON Schema 2020-12 features." });
        tool.ProtocolTool.InputSchema = JsonElement.Parse("""
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "type": "object",
              "$defs": {
                "address": {
                  "$anchor": "addressDef",
                  "type": "object",
                  "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
                }
              },
              "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" }
              },
              "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
              "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
              "then": { "required": ["phone"] },
              "else": { "required": ["email"] },
              "additionalProperties": false
            }
            """);
        return tool;
    }

    [McpServerTool(Name = "test_custom_header"), Description("Has an argument that is also a header.")]
    static string WithHeader([McpHeader("Region"), Description("Where")] string region) => $"Called for {region}.";
}
