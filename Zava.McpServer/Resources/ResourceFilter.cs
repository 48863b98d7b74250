using System.Diagnostics;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Npgsql;
using Zava.Database;
using Zava.McpServer.Audit;
using Zava.McpServer.Errors;
using Zava.McpServer.Telemetry;

namespace Zava.McpServer.Resources;

/// <summary>What every reading of a resource passes through: errors are put in words after it, and it is recorded.</summary>
static class ResourceFilter
{
    public const string Method = RequestMethods.ResourcesRead;

    const string StoreItem = "Zava.Store";

    public static McpRequestHandler<ReadResourceRequestParams, ReadResourceResult> Create(McpRequestHandler<ReadResourceRequestParams, ReadResourceResult> next) =>
        async (request, cancellationToken) =>
        {
            if (request.MatchedPrimitive is not McpServerResource resource)
                return await RefuseAsync(request, next, cancellationToken);
            // The SDK puts other services in their place while it reads.
            var services = request.Services!;
            var started = services.GetRequiredService<TimeProvider>().GetTimestamp();
            var outcome = ToolOutcome.Cancelled;
            try
            {
                var result = await next(request, cancellationToken);
                outcome = ToolOutcome.Ok;
                return result;
            }
            catch (Exception missing) when (IsNotFound(missing))
            {
                outcome = ToolOutcome.Refused;
                // As if no template had matched, so that the answer is that of an address which nobody has.
                request.MatchedPrimitive = null;
                return await RefuseAsync(request, next, cancellationToken);
            }
            catch (NpgsqlException refused) when (!cancellationToken.IsCancellationRequested && DatabaseError.Explain(refused) is { } explanation)
            {
                outcome = ToolOutcome.Refused;
                throw new McpProtocolException(explanation, McpErrorCode.InternalError);
            }
            catch (McpException)
            {
                outcome = ToolOutcome.Refused;
                throw;
            }
            catch (Exception failed) when (failed is not (OperationCanceledException or InputRequiredException))
            {
                outcome = ToolOutcome.Fault;
                services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ResourceFilter))
                    .LogError(failed, "Resource {Resource} failed", resource.ProtocolResourceTemplate.Name);
                throw new McpProtocolException(
                    $"The resource could not be read because of a fault in the server. Try again once; if it persists, tell the operator trace {Activity.Current?.TraceId.ToHexString() ?? "(none)"}.",
                    McpErrorCode.InternalError);
            }
            finally
            {
                services.GetRequiredService<ToolCallRecorder>().Record(
                    ToolCallRecorder.NameOf(resource), Caller.From(request.User), StoreOf(request), outcome, rows: outcome == ToolOutcome.Ok ? 1 : null, started);
            }
        };

    /// <summary>The context in which a resource of one store is read; the record names that store.</summary>
    /// <exception cref="ResourceNotFoundException">The caller may not see that store, whether or not it exists.</exception>
    public static TenantContext ContextOf(RequestContext<ReadResourceRequestParams> request, string store)
    {
        var caller = Caller.Require(request.User);
        if (!StoreSet.IsStoreName(store) || !(caller.Stores.IsEvery || caller.Stores.Names.Contains(store)))
        {
            request.Services!.GetRequiredService<CallTelemetry>().Refused(Refusal.Store);
            throw new ResourceNotFoundException();
        }
        request.Items[StoreItem] = store;
        return caller.For(Method, store);
    }

    static string? StoreOf(RequestContext<ReadResourceRequestParams> request) =>
        request.Items.TryGetValue(StoreItem, out var store) ? store as string : null;

    static bool IsNotFound(Exception exception) => exception is ResourceNotFoundException || (exception is PostgresException refused && DatabaseError.IsOfNoStore(refused));

    // The code depends on the revision; the SDK knows it.
    static async ValueTask<ReadResourceResult> RefuseAsync(
        RequestContext<ReadResourceRequestParams> request, McpRequestHandler<ReadResourceRequestParams, ReadResourceResult> next, CancellationToken cancellationToken)
    {
        try
        {
            return await next(request, cancellationToken);
        }
        catch (McpProtocolException unknown)
        {
            throw new McpProtocolException(Unknown.Resource(request.Server.ServerOptions, request.User, request.Params?.Uri ?? ""), unknown.ErrorCode);
        }
    }
}
