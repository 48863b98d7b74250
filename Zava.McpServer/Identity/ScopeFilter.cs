using ModelContextProtocol;
using ModelContextProtocol.Server;
using Zava.McpServer.Audit;

namespace Zava.McpServer.Identity;

/// <summary>
/// Refuses a call of a tool that the token has no scope for, and records it; and likewise the reading of a resource and the
/// getting of a prompt. Over HTTP <see cref="ScopeCheck"/> has done so before, with a status that clients understand.
/// </summary>
static class ScopeFilter
{
#pragma warning disable MCPEXP002 // The SDK's own authorization is a filter of this kind, and would refuse the call first, unrecorded.
    public static IMcpServerBuilder AddScopeFilter(this IMcpServerBuilder builder)
    {
        builder.Services.PostConfigure<McpServerOptions>(options =>
        {
            options.Filters.Request.CallToolWithAlternateFilters.Insert(0, (request, next, cancellationToken) =>
            {
                Check(request);
                return next(request, cancellationToken);
            });
            options.Filters.Request.ReadResourceFilters.Insert(0, Checked);
            options.Filters.Request.GetPromptFilters.Insert(0, Checked);
        });
        return builder;
    }
#pragma warning restore MCPEXP002

    static McpRequestHandler<TParams, TResult> Checked<TParams, TResult>(McpRequestHandler<TParams, TResult> next) => (request, cancellationToken) =>
    {
        Check(request);
        return next(request, cancellationToken);
    };

    static void Check<TParams>(RequestContext<TParams> request)
    {
        if (request.MatchedPrimitive is not { } primitive || Scopes.MissingFrom(request.User, primitive) is not { Length: > 0 } missing)
            return;
        var services = request.Services!;
        services.GetRequiredService<ToolCallRecorder>().Record(
            ToolCallRecorder.NameOf(primitive), Caller.From(request.User), storeId: null, ToolOutcome.Forbidden, rows: null,
            services.GetRequiredService<TimeProvider>().GetTimestamp());
        throw new McpProtocolException(Scopes.Explain(primitive, missing), McpErrorCode.InvalidRequest);
    }
}
