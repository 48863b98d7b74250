using Microsoft.Extensions.Caching.Memory;
using Npgsql;
using Zava.Database;

namespace Zava.McpServer.Search;

/// <summary>
/// Remembers which stores have so many products that the vector index is faster than looking at every vector. It decides on the way of
/// a search and not on what is found, so that it may be a minute old; to count anew takes as long as the search.
/// </summary>
sealed class StoreSizes(TenantDatabase database) : IDisposable
{
    const int Remembered = 10_000;

    static readonly TimeSpan Kept = TimeSpan.FromMinutes(1);

    readonly MemoryCache _cache = new(new MemoryCacheOptions { SizeLimit = Remembered });

    /// <param name="context">The caller, narrowed to the stores to search.</param>
    /// <param name="model">The model of the index.</param>
    /// <param name="cancellationToken">Cancels the count.</param>
    public async Task<bool> IndexPaysAsync(TenantContext context, string model, CancellationToken cancellationToken)
    {
        var key = (context.Stores.IsEvery ? "*" : string.Join(',', context.Stores.Names), model);
        if (_cache.TryGetValue(key, out bool known))
            return known;
        var pays = await database.QueryAsync(context, new NpgsqlBatchCommand("SELECT retail.index_pays_for(retail.current_store_ids(), $1)")
        {
            Parameters = { new() { Value = model } },
        }, row => row.GetBoolean(0), cancellationToken);
        return _cache.Set(key, pays[0], new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Kept });
    }

    public void Dispose() => _cache.Dispose();
}
