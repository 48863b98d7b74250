using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Zava.Benchmarks;

/// <summary>HTTP/1.1 in bytes as they are: no client of .NET sends what is malformed.</summary>
static class RawHttp
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <param name="Status">0 when the connection was closed without an answer.</param>
    /// <param name="TimedOut">Whether nothing, or no end, came in time.</param>
    /// <param name="ContentType">Of the body.</param>
    /// <param name="Body">Decoded from chunks.</param>
    public sealed record Answer(int Status, bool TimedOut, string ContentType, string Body);

    /// <summary>Sends one request, which asks for the connection to be closed, and reads to the end.</summary>
    public static async Task<Answer> SendAsync(Uri server, byte[] request, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        var received = new MemoryStream();
        try
        {
            using var client = new TcpClient { NoDelay = true, LingerState = new(true, 0) };
            await client.ConnectAsync(server.Host, server.Port, limit.Token);
            var stream = client.GetStream();
            // A server that has refused may close while the rest of a body is still on its way.
            var sending = stream.WriteAsync(request, limit.Token).AsTask();
            _ = sending.ContinueWith(sent => sent.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            await stream.CopyToAsync(received, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Parse(received.ToArray(), timedOut: true);
        }
        catch (IOException)
        {
            // Reset: what has come is the answer.
        }
        return Parse(received.ToArray(), timedOut: false);
    }

    static Answer Parse(byte[] bytes, bool timedOut)
    {
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return new(0, timedOut, "", Encoding.UTF8.GetString(bytes));
        var lines = Encoding.Latin1.GetString(bytes, 0, end).Split("\r\n");
        string Header(string name) => lines.FirstOrDefault(line => line.StartsWith($"{name}:", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim() ?? "";
        var body = bytes.AsSpan(end + 4);
        return new(
            int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), timedOut, Header("Content-Type"),
            Encoding.UTF8.GetString(Header("Transfer-Encoding") == "chunked" ? Dechunk(body) : body));
    }

    static byte[] Dechunk(ReadOnlySpan<byte> body)
    {
        var whole = new MemoryStream();
        while (body.IndexOf("\r\n"u8) is > 0 and var line && int.TryParse(body[..line], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var length) && length > 0)
        {
            body = body[(line + 2)..];
            whole.Write(body[..Math.Min(length, body.Length)]);
            body = body[Math.Min(length + 2, body.Length)..];
        }
        return whole.ToArray();
    }
}
