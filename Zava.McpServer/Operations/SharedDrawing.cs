namespace Zava.McpServer.Operations;

/// <summary>Draws a part of the page once for all who look at it at about the same time, and who may see the same stores.</summary>
sealed class SharedDrawing(TimeProvider time)
{
    // Nobody who looks ends it for the others by leaving.
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    readonly Dictionary<string, (long Started, Task<Html> Html)> _drawn = [];

    /// <param name="caller">Whose stores are drawn, whoever asks for them.</param>
    /// <param name="age">How old a drawing may be. One that is being made is waited for, and one that failed is none.</param>
    /// <param name="draw">Makes another; of the caller it may show nothing but what the stores allow.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task<Html> DrawAsync(Caller caller, TimeSpan age, Func<CancellationToken, Task<Html>> draw, CancellationToken cancellationToken)
    {
        // No store has the name of either.
        var stores = caller.Stores.IsEvery ? "*" : string.Join(',', caller.Stores.Names);
        lock (_drawn)
        {
            foreach (var (others, _) in _drawn.Where(one => one.Value.Html.IsCompleted && time.GetElapsedTime(one.Value.Started) > Patience).ToList())
                _drawn.Remove(others);
            if (!_drawn.TryGetValue(stores, out var last) || last.Html.IsCompleted && (!last.Html.IsCompletedSuccessfully || time.GetElapsedTime(last.Started) >= age))
                _drawn[stores] = last = (time.GetTimestamp(), Task.Run(() => DrawAsync(draw), CancellationToken.None));
            return last.Html.WaitAsync(cancellationToken);
        }
    }

    static async Task<Html> DrawAsync(Func<CancellationToken, Task<Html>> draw)
    {
        using var patience = new CancellationTokenSource(Patience);
        return await draw(patience.Token);
    }
}
