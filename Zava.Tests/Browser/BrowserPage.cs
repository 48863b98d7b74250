using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Browser;

/// <summary>One page of <see cref="Chromium"/>, and what it asked for and complained of.</summary>
public sealed class BrowserPage : IAsyncDisposable
{
    readonly ClientWebSocket _socket = new();
    readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _waiting = new();
    readonly SemaphoreSlim _turn = new(1);
    TaskCompletionSource _loaded = new();
    Task _reading = Task.CompletedTask;
    string? _session;
    int _last;

    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Exceptions of scripts, errors on the console, and what the browser refused.</summary>
    public ConcurrentQueue<string> Complaints { get; } = new();

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<BrowserPage> OpenAsync(Uri browser)
    {
        var page = new BrowserPage();
        await page._socket.ConnectAsync(browser, Cancellation);
        page._reading = page.ReadAsync();
        var context = (await page.SendAsync("Target.createBrowserContext", new { disposeOnDetach = true })).GetProperty("browserContextId").GetString();
        var target = (await page.SendAsync("Target.createTarget", new { url = "about:blank", browserContextId = context })).GetProperty("targetId").GetString();
        page._session = (await page.SendAsync("Target.attachToTarget", new { targetId = target, flatten = true })).GetProperty("sessionId").GetString();
        foreach (var domain in (string[])["Page", "Runtime", "Network", "Log"])
            await page.SendAsync($"{domain}.enable");
        return page;
    }

    public async Task GoToAsync(Uri address)
    {
        _loaded = new();
        await SendAsync("Page.navigate", new { url = address.AbsoluteUri });
        await _loaded.Task.WaitAsync(TimeSpan.FromMinutes(1), Cancellation);
    }

    /// <summary>The value of an expression in the page; a promise is waited for.</summary>
    public async Task<T> EvaluateAsync<T>(string expression)
    {
        var answer = await SendAsync("Runtime.evaluate", new { expression, awaitPromise = true, returnByValue = true });
        Assert.False(answer.TryGetProperty("exceptionDetails", out var failed), failed.ToString());
        return answer.GetProperty("result").TryGetProperty("value", out var value) ? value.Deserialize<T>()! : default!;
    }

    /// <summary>Waits until an expression is true, also across a navigation.</summary>
    public Task UntilAsync(string expression) => Eventually.EqualAsync(true, async () =>
    {
        var answer = await SendAsync("Runtime.evaluate", new { expression = $"!!({expression})", returnByValue = true });
        return answer.GetProperty("result").TryGetProperty("value", out var value) && value.ValueKind == JsonValueKind.True;
    });

    public async Task PressAsync(string key, int code, string text = "")
    {
        await SendAsync("Input.dispatchKeyEvent", new { type = "keyDown", key, code = key, windowsVirtualKeyCode = code, text });
        await SendAsync("Input.dispatchKeyEvent", new { type = "keyUp", key, code = key, windowsVirtualKeyCode = code });
    }

    public Task TypeAsync(string text) => SendAsync("Input.insertText", new { text });

    /// <param name="scheme">light or dark.</param>
    public Task PreferAsync(string scheme) => SendAsync("Emulation.setEmulatedMedia", new { features = (object[])[new { name = "prefers-color-scheme", value = scheme }] });

    public Task ResizeAsync(int width, int height, double scale = 1) =>
        SendAsync("Emulation.setDeviceMetricsOverride", new { width, height, deviceScaleFactor = scale, mobile = width < 600 });

    public async Task<byte[]> ScreenshotAsync() => Convert.FromBase64String((await SendAsync("Page.captureScreenshot", new { format = "png" })).GetProperty("data").GetString()!);

    public async Task<JsonElement> SendAsync(string method, object? parameters = null)
    {
        var id = Interlocked.Increment(ref _last);
        var answer = _waiting[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var message = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object?> { ["id"] = id, ["method"] = method, ["params"] = parameters ?? new { } }
            .Concat(_session is null ? [] : [new("sessionId", _session)]).ToDictionary());
        await _turn.WaitAsync(Cancellation);
        try
        {
            await _socket.SendAsync(message, WebSocketMessageType.Text, true, Cancellation);
        }
        finally
        {
            _turn.Release();
        }
        return await answer.Task.WaitAsync(TimeSpan.FromMinutes(2), Cancellation);
    }

    async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        using var message = new MemoryStream();
        while (_socket.State == WebSocketState.Open)
        {
            message.SetLength(0);
            WebSocketReceiveResult part;
            do
            {
                try
                {
                    part = await _socket.ReceiveAsync(buffer, CancellationToken.None);
                }
                catch (Exception gone) when (gone is WebSocketException or OperationCanceledException)
                {
                    return; // The browser has gone, or this page is closed.
                }
                message.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);
            if (part.MessageType == WebSocketMessageType.Text)
                Take(JsonElement.Parse(message.ToArray()));
        }
    }

    void Take(JsonElement message)
    {
        if (message.TryGetProperty("id", out var id))
        {
            if (!_waiting.TryRemove(id.GetInt32(), out var waiting))
                return;
            if (message.TryGetProperty("error", out var error))
                waiting.SetException(new InvalidOperationException(error.GetRawText()));
            else
                waiting.SetResult(message.GetProperty("result"));
            return;
        }
        var of = message.GetProperty("params");
        switch (message.GetProperty("method").GetString())
        {
            case "Page.loadEventFired":
                _loaded.TrySetResult();
                break;
            case "Network.requestWillBeSent":
                Requests.Enqueue(of.GetProperty("request").GetProperty("url").GetString()!);
                break;
            case "Runtime.exceptionThrown":
                Complaints.Enqueue(of.GetProperty("exceptionDetails").GetRawText());
                break;
            case "Runtime.consoleAPICalled" when of.GetProperty("type").GetString() is "error" or "warning":
            case "Log.entryAdded" when of.GetProperty("entry").GetProperty("level").GetString() is "error" or "warning":
                Complaints.Enqueue(of.GetRawText());
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        await _reading;
        _socket.Dispose();
    }
}
