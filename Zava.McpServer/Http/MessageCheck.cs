using System.Text.Json;
using Microsoft.Net.Http.Headers;
using ModelContextProtocol;
using Zava.McpServer.Messages;

namespace Zava.McpServer.Http;

/// <summary>Refuses a body that is no JSON-RPC message by <see cref="MessageRules"/>, in words that say why.</summary>
sealed class MessageCheck(RequestDelegate next)
{
    /// <summary>The message of a request that has passed.</summary>
    public static JsonElement? MessageOf(HttpContext context) => context.Items[typeof(MessageCheck)] is JsonDocument message ? message.RootElement : null;

    public async Task InvokeAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method) || context.User.Identity is not { IsAuthenticated: true })
        {
            await next(context);
            return;
        }
        if (!context.Request.HasJsonContentType()
            || (MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) && type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            await RefuseAsync(context, StatusCodes.Status415UnsupportedMediaType, new(McpErrorCode.InvalidRequest, "Content-Type: Allowed: application/json, in UTF-8."));
            return;
        }
        // Small: the server limits it (Limits:RequestBytes).
        var body = new MemoryStream();
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        catch (BadHttpRequestException refused)
        {
            await RefuseAsync(context, refused.StatusCode, new(McpErrorCode.InvalidRequest, refused.Message));
            return;
        }
        context.Request.Body = body;
        var refusal = MessageRules.Check(body.GetBuffer().AsMemory(0, (int)body.Length), out var message);
        using (message)
        {
            if (refusal is not null)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, refusal);
                return;
            }
            body.Position = 0;
            context.Items[typeof(MessageCheck)] = message;
            try
            {
                await next(context);
            }
            // The SDK reads the parameters of initialize before any filter.
            catch (JsonException) when (!context.Response.HasStarted)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, MessageRules.WrongParameters(message!.RootElement));
            }
        }
    }

    static Task RefuseAsync(HttpContext context, int status, MessageRefusal refusal)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(refusal.Answer, McpJsonUtilities.DefaultOptions);
    }
}
