using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Zava.McpServer.Http;

static class Extensions
{
    public const string CallerLimit = "caller";

    /// <summary>Bounds what a request and a user may take.</summary>
    /// <exception cref="InvalidOperationException">A setting of the section <c>Limits</c> is unknown.</exception>
    public static void AddLimits(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<LimitOptions>()
            .BindConfiguration(LimitOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        var limits = builder.Configuration.GetSection(LimitOptions.Section).Get<LimitOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new();

        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = limits.RequestBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        builder.Services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new RequestTimeoutPolicy
        {
            Timeout = TimeSpan.FromSeconds(limits.RequestSeconds),
            TimeoutStatusCode = StatusCodes.Status504GatewayTimeout,
        });
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.OnRejected = async (rejected, cancellationToken) =>
            {
                var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(1);
                rejected.HttpContext.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
                await rejected.HttpContext.Response.WriteAsJsonAsync(
                    new { error = "too_many_requests", error_description = $"This user may make {limits.RequestsPerMinute} requests a minute. Wait as Retry-After says." },
                    cancellationToken);
            };
            limiter.AddPolicy(CallerLimit, context => RateLimitPartition.GetTokenBucketLimiter(
                Caller.From(context.User)?.User ?? "",
                _ => new TokenBucketRateLimiterOptions
                {
                    TokenLimit = limits.RequestsPerMinute,
                    TokensPerPeriod = Math.Max(1, limits.RequestsPerMinute / 60),
                    ReplenishmentPeriod = TimeSpan.FromMinutes(1) * Math.Max(1, limits.RequestsPerMinute / 60) / limits.RequestsPerMinute,
                    QueueLimit = 0,
                }));
        });
    }
}
