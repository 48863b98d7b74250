using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Zava.McpServer.Lists;

static class Extensions
{
    /// <summary>Gives the lists of tools, resources, templates and prompts in the order of their names, page by page.</summary>
    public static IMcpServerBuilder AddListPages(this IMcpServerBuilder builder)
    {
        builder.Services.AddOptions<ListOptions>()
            .BindConfiguration(ListOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        // Around all others: what the caller may not see has been left out before pages are made.
        builder.Services.AddOptions<McpServerOptions>().PostConfigure<IOptions<ListOptions>>((server, lists) =>
        {
            var (filters, size) = (server.Filters.Request, lists.Value.PageSize);
            filters.ListToolsFilters.Insert(0, next => Paged<ListToolsRequestParams, ListToolsResult, Tool>(
                next, size, list => list.Tools, tool => tool.Name, (list, page) => list.Tools = page));
            filters.ListResourcesFilters.Insert(0, next => Paged<ListResourcesRequestParams, ListResourcesResult, Resource>(
                next, size, list => list.Resources, resource => resource.Uri, (list, page) => list.Resources = page));
            filters.ListResourceTemplatesFilters.Insert(0, next => Paged<ListResourceTemplatesRequestParams, ListResourceTemplatesResult, ResourceTemplate>(
                next, size, list => list.ResourceTemplates, template => template.UriTemplate, (list, page) => list.ResourceTemplates = page));
            filters.ListPromptsFilters.Insert(0, next => Paged<ListPromptsRequestParams, ListPromptsResult, Prompt>(
                next, size, list => list.Prompts, prompt => prompt.Name, (list, page) => list.Prompts = page));
        });
        return builder;
    }

    static McpRequestHandler<TParams, TResult> Paged<TParams, TResult, TItem>(
        McpRequestHandler<TParams, TResult> next, int size, Func<TResult, IList<TItem>> items, Func<TItem, string> name, Action<TResult, List<TItem>> give)
        where TParams : PaginatedRequestParams
        where TResult : PaginatedResult, ICacheableResult => async (request, cancellationToken) =>
    {
        var cursor = request.Params?.Cursor;
        // With a cursor the SDK takes the list for one of another maker, and leaves it empty.
        request.Params?.Cursor = null;
        var list = await next(request, cancellationToken);
        var all = items(list).OrderBy(name, StringComparer.Ordinal).ToList();
        var start = cursor is null ? 0 : all.FindIndex(item => CursorAfter(name(item)) == cursor) + 1;
        if (cursor is not null && start == 0)
            throw new McpProtocolException(
                "cursor: it is not one that this list has given to you. Allowed: nextCursor of the answer before, or left out to begin again.", McpErrorCode.InvalidParams);
        var page = all.GetRange(start, Math.Min(size, all.Count - start));
        give(list, page);
        list.NextCursor = start + page.Count < all.Count ? CursorAfter(name(page[^1])) : null;
        // What a list holds depends on the caller's scopes.
        (list.CacheScope, list.TimeToLive) = (CacheScope.Private, TimeSpan.FromMinutes(5));
        return list;
    };

    // Of an entry that the caller has seen: it is looked for among those that the caller may see, and says nothing of others.
    static string CursorAfter(string name) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 12));
}
