using System.Globalization;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Zava.McpServer.Progress;

/// <summary>
/// Tells a client that asked for progress, and waits, for how long its call has been running. What share of it is done, nobody
/// knows: nearly all of the time is one statement in PostgreSQL.
/// </summary>
static class ProgressFilter
{
    /// <summary>Until the first notification, and between any two.</summary>
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    public static McpRequestHandler<TParams, TResult> Create<TParams, TResult>(McpRequestHandler<TParams, TResult> next) where TParams : RequestParams =>
        async (request, cancellationToken) =>
        {
            if (request.Params?.ProgressToken is not { } token)
                return await next(request, cancellationToken);
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var reports = ReportAsync(request.Server, token, request.Services!.GetRequiredService<TimeProvider>(), over.Token);
            try
            {
                return await next(request, cancellationToken);
            }
            finally
            {
                // No notification may follow the answer.
                await over.CancelAsync();
                await reports;
            }
        };

    static async Task ReportAsync(McpSession session, ProgressToken token, TimeProvider time, CancellationToken over)
    {
        var started = time.GetTimestamp();
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(over))
            {
                var seconds = Math.Round(time.GetElapsedTime(started).TotalSeconds, 1);
                await session.NotifyProgressAsync(
                    token, new ProgressNotificationValue { Progress = (float)seconds, Message = string.Create(CultureInfo.InvariantCulture, $"Running for {seconds:N0} s") },
                    cancellationToken: over);
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or InvalidOperationException or ObjectDisposedException)
        {
            // The call is over, or nobody listens any more; the call itself notices that.
        }
    }
}
