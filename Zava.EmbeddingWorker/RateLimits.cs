using System.Threading.RateLimiting;

namespace Zava.EmbeddingWorker;

/// <summary>Keeps requests and tokens a minute below what the account allows; whoever comes too early waits.</summary>
sealed class RateLimits(EmbeddingWorkerOptions options) : IDisposable
{
    // What English takes is rather four; other languages take more tokens.
    const int CharactersPerToken = 3;

    readonly RateLimiter? _requests = Limiter(options.RequestsPerMinute);
    readonly RateLimiter? _tokens = Limiter(options.TokensPerMinute);

    public async Task WaitAsync(IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        if (_requests is not null)
            await _requests.AcquireAsync(1, cancellationToken);
        // One request may be larger than the limit of a minute; then it has that minute to itself.
        if (_tokens is not null)
            await _tokens.AcquireAsync(Math.Min(Tokens(texts), options.TokensPerMinute!.Value), cancellationToken);
    }

    static int Tokens(IReadOnlyList<string> texts) => texts.Sum(text => text.Length / CharactersPerToken + 1);

    static SlidingWindowRateLimiter? Limiter(int? perMinute) => perMinute is not { } limit ? null : new(new()
    {
        PermitLimit = limit,
        Window = TimeSpan.FromMinutes(1),
        SegmentsPerWindow = 12,
        QueueLimit = int.MaxValue,
    });

    public void Dispose()
    {
        _requests?.Dispose();
        _tokens?.Dispose();
    }
}
