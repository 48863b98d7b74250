using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Zava.McpServer.Audit;

namespace Zava.McpServer.Identity;

/// <summary>
/// Refuses a call of a tool that the token has no scope for, and records it. Over HTTP <see cref="ToolScopeCheck"/> has done
/// so before, with a status that clients understand.
/// </summary>
static class ToolScopeFilter
{
#pragma warning disable MCPEXP002 // The SDK's own authorization is a filter of this kind, and would refuse the call first, unrecorded.
    public static IMcpServerBuilder AddToolScopeFilter(this IMcpServerBuilder builder)
    {
        builder.Services.PostConfigure<McpServerOptions>(options => options.Filters.Request.CallToolWithAlternateFilters.Insert(0,
            (request, next, cancellationToken) =>
            {
                Check(request);
                return next(request, cancellationToken);
            }));
        return builder;
    }
#pragma warning restore MCPEXP002

    static void Check(RequestContext<CallToolRequestParams> request)
    {
        if (request.MatchedPrimitive is not McpServerTool tool || Scopes.MissingFrom(request.User, tool) is not { Length: > 0 } missing)
            return;
        var (services, name) = (request.Services!, tool.ProtocolTool.Name);
        services.GetRequiredService<ToolCallRecorder>().Record(
            name, Caller.From(request.User), storeId: null, ToolOutcome.Forbidden, rows: null, services.GetRequiredService<TimeProvider>().GetTimestamp());
        throw new McpProtocolException(Scopes.Explain(name, missing), McpErrorCode.InvalidRequest);
    }
}
