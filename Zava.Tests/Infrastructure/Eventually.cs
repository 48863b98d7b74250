using System.Diagnostics;

namespace Zava.Tests.Infrastructure;

/// <summary>For what another process or thread brings about in its own time.</summary>
static class Eventually
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static async Task EqualAsync<T>(T expected, Func<Task<T>> actual)
    {
        var waited = Stopwatch.StartNew();
        T last;
        while (!Equals(expected, last = await actual()) && waited.Elapsed < Patience)
            await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.Equal(expected, last);
    }
}
