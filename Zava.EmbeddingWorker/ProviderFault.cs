using System.ClientModel;
using System.Globalization;
using System.Text.Json;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Zava.EmbeddingWorker;

/// <summary>
/// What an exception of an embedding provider means. Its message is used nowhere: it may quote the text, and a proxy's may
/// quote the key.
/// </summary>
static class ProviderFault
{
    /// <summary>Whether the same request may succeed a little later.</summary>
    public static bool IsTransient(Exception failed) => failed switch
    {
        ClientResultException { Status: 0 or 408 or 409 or 429 or >= 500 } => true,
        // Not called off by us (that is asked first), so by the client's own clock.
        OperationCanceledException or TimeoutRejectedException => true,
        HttpRequestException or IOException or JsonException or FormatException or InvalidDataException => true,
        AggregateException { InnerException: { } inner } => IsTransient(inner),
        _ => false,
    };

    /// <summary>Whether it is about the provider or the settings, whatever the texts; otherwise it may be about a text.</summary>
    public static bool IsOfProvider(Exception failed) =>
        IsTransient(failed) || failed is BrokenCircuitException or ClientResultException { Status: 401 or 402 or 403 or 404 or 405 };

    public static string Describe(Exception failed) => failed switch
    {
        ClientResultException { Status: 401 or 403 } answered => $"the embedding provider does not accept the key or the account (HTTP {answered.Status})",
        ClientResultException { Status: 404 } => "the embedding provider does not know the model or the address (HTTP 404)",
        ClientResultException { Status: 429 } => "the embedding provider's rate limit or quota is used up (HTTP 429)",
        ClientResultException { Status: >= 500 } answered => $"the embedding provider has a fault (HTTP {answered.Status})",
        ClientResultException { Status: > 0 } answered => $"the embedding provider refuses the text (HTTP {answered.Status})",
        OperationCanceledException or TimeoutRejectedException => "the embedding provider did not answer in time",
        JsonException or FormatException or InvalidDataException => "the embedding provider's answer is not one",
        ClientResultException or HttpRequestException or IOException => "the embedding provider cannot be reached",
        BrokenCircuitException { InnerException: { } inner } => Describe(inner),
        BrokenCircuitException => "the embedding provider is down",
        AggregateException { InnerException: { } inner } => Describe(inner),
        _ => $"the embedding provider failed ({failed.GetType().Name})",
    };

    /// <summary>How long the provider asks to be left alone, if it does.</summary>
    public static TimeSpan? RetryAfter(Exception? failed, DateTimeOffset now)
    {
        if (failed is AggregateException { InnerException: { } inner })
            return RetryAfter(inner, now);
        if ((failed as ClientResultException)?.GetRawResponse()?.Headers is not { } headers)
            return null;
        if (headers.TryGetValue("retry-after-ms", out var milliseconds) && double.TryParse(milliseconds, CultureInfo.InvariantCulture, out var number) && number is >= 0 and < 1e9)
            return TimeSpan.FromMilliseconds(number);
        if (!headers.TryGetValue("Retry-After", out var after))
            return null;
        if (double.TryParse(after, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0 and < 1e6)
            return TimeSpan.FromSeconds(seconds);
        return DateTimeOffset.TryParse(after, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment) && moment > now ? moment - now : null;
    }
}
