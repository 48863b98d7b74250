using System.Text.RegularExpressions;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Npgsql;
using NpgsqlTypes;
using Zava.Database;
using Zava.McpServer.Audit;
using Zava.McpServer.Errors;
using Zava.McpServer.Identity;
using Zava.McpServer.Tools;

namespace Zava.McpServer.Completions;

/// <summary>What may come next while a person fills in a variable of a resource template or an argument of a prompt.</summary>
static partial class CompletionHandler
{
    /// <summary>The most that the protocol allows in one answer.</summary>
    public const int MaximumValues = 100;

    const string InStores = "p.store_id = ANY ((SELECT coalesce($2, retail.current_store_ids()))::text[])";

    // Each finds its rows by the stores that lead an index, or in a table of a few dozen rows that all stores share. $1 is the
    // beginning of the value as a pattern, $2 the stores.
    static readonly Dictionary<string, string> Values = new()
    {
        ["store"] = $"SELECT p.store_id FROM retail.stores p WHERE {InStores} AND is_active AND p.store_id ILIKE $1",
        ["sku"] = $"SELECT DISTINCT sku FROM retail.products p WHERE {InStores} AND sku ILIKE $1",
        ["brand"] = $"SELECT DISTINCT brand FROM retail.products p WHERE {InStores} AND brand ILIKE $1",
        ["category"] = "SELECT category_name FROM retail.product_categories WHERE is_active AND category_name ILIKE $1",
        ["table"] = $"SELECT relname::text FROM pg_class WHERE {SchemaTools.IsShown} AND relname ILIKE $1",
    };

    /// <summary>The variables and arguments for which values are offered.</summary>
    public static IEnumerable<string> Completed => [.. Values.Keys, "store_id"];

    static CompleteResult Nothing => new() { Completion = new() { Values = [], Total = 0, HasMore = false } };

    public static async ValueTask<CompleteResult> CompleteAsync(RequestContext<CompleteRequestParams> request, CancellationToken cancellationToken)
    {
        if (request.Params?.Argument is not { Name: not null, Value: not null })
            throw Invalid("params.argument: Allowed: an object with the texts name and value.");
        // A prompt calls it as the tools do.
        var argument = request.Params.Argument.Name is "store_id" ? "store" : request.Params.Argument.Name;
        if (Scopes.MissingFrom(request.User, Referred(request)) is { Length: > 0 }
            || !Values.TryGetValue(argument, out var sql)
            || request.Params.Argument.Value is not { Length: <= 200 } typed || typed.Any(char.IsControl)
            || Narrowed(Caller.Require(request.User), argument, request.Params.Context?.Arguments) is not { } context)
            return Nothing;

        var services = request.Services!;
        var started = services.GetRequiredService<TimeProvider>().GetTimestamp();
        var (outcome, rows) = (ToolOutcome.Fault, default(int?));
        try
        {
            var result = await QueryAsync(services.GetRequiredService<TenantDatabase>(), context, sql, typed, cancellationToken);
            (outcome, rows) = (ToolOutcome.Ok, result.Completion.Values.Count);
            return result;
        }
        catch (OperationCanceledException)
        {
            outcome = ToolOutcome.Cancelled;
            throw;
        }
        catch (PostgresException refused) when (DatabaseError.IsOfNoStore(refused))
        {
            outcome = ToolOutcome.Refused;
            return Nothing;
        }
        catch (Exception failed)
        {
            // A person who types can go on without.
            services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(CompletionHandler)).LogError(failed, "Completion of {Argument} failed", argument);
            return Nothing;
        }
        finally
        {
            services.GetRequiredService<ToolCallRecorder>().Record(
                context.Tool, Caller.From(request.User), context.Stores is { IsEvery: false, Names: [var only] } ? only : null, outcome, rows, started);
        }
    }

    static async Task<CompleteResult> QueryAsync(TenantDatabase database, TenantContext context, string sql, string typed, CancellationToken cancellationToken)
    {
        var found = await database.QueryAsync(
            context,
            new NpgsqlBatchCommand($"SELECT value, count(*) OVER () FROM ({sql}) AS found (value) ORDER BY value COLLATE \"C\" LIMIT {MaximumValues}")
            {
                Parameters =
                {
                    new() { Value = Pattern(typed), NpgsqlDbType = NpgsqlDbType.Text },
                    new() { Value = context.Stores.IsEvery ? DBNull.Value : context.Stores.Names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                },
            },
            row => (Value: row.GetString(0), Total: row.GetInt64(1)), cancellationToken);
        var total = found is [var first, ..] ? (int)first.Total : 0;
        return new() { Completion = new() { Values = found.ConvertAll(row => row.Value), Total = total, HasMore = total > found.Count } };
    }

    // What is typed is text, whatever it has that patterns give a meaning to.
    static string Pattern(string typed) =>
        typed.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal).Replace("_", @"\_", StringComparison.Ordinal) + "%";

    // What is being filled in, if it is a prompt or a template that has such an argument or variable.
    static IMcpServerPrimitive Referred(RequestContext<CompleteRequestParams> request)
    {
        var options = request.Server.ServerOptions;
        var name = request.Params.Argument.Name;
        var (found, of, names) = request.Params.Ref switch
        {
            ResourceTemplateReference { Uri: { } uri } => options.ResourceCollection?.TryGetPrimitive(uri, out var resource) is true
                ? ((IMcpServerPrimitive)resource, uri, Variable().Matches(uri).Select(variable => variable.Groups[1].Value))
                : throw Invalid(Unknown.Resource(options, request.User, uri)),
            PromptReference { Name: { } prompt } => options.PromptCollection?.TryGetPrimitive(prompt, out var known) is true
                ? ((IMcpServerPrimitive)known, prompt, known.ProtocolPrompt.Arguments?.Select(argument => argument.Name) ?? [])
                : throw Invalid(Unknown.Prompt(options, request.User, prompt)),
            _ => throw Invalid("params.ref: it names nothing. Allowed: ref/prompt with a name, or ref/resource with the uri of a template."),
        };
        return names.Contains(name) ? found
            : throw Invalid($"params.argument.name: {Sent.Shown(name)} is not an argument of {of}.{Sent.Meant(name, names)} Allowed: {string.Join(", ", names)}.");
    }

    static McpProtocolException Invalid(string message) => new(message, McpErrorCode.InvalidParams);

    [GeneratedRegex(@"\{([a-z]+)\}")]
    private static partial Regex Variable();

    // Products of the store that has been chosen before; nothing where it is none of the caller's.
    static TenantContext? Narrowed(Caller caller, string argument, IDictionary<string, string>? chosen)
    {
        var store = argument is "sku" or "brand" && chosen is not null
            ? chosen.TryGetValue("store", out var variable) ? variable : chosen.TryGetValue("store_id", out var named) ? named : null
            : null;
        return string.IsNullOrEmpty(store) || (StoreSet.IsStoreName(store) && (caller.Stores.IsEvery || caller.Stores.Names.Contains(store)))
            ? caller.For(RequestMethods.CompletionComplete, string.IsNullOrEmpty(store) ? null : store)
            : null;
    }
}
