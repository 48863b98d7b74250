using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Zava.Benchmarks.Calls;

/// <summary>
/// One HTTP/1.1 connection that sends the same request again and again: cheaper than HttpClient, so that the load takes less of
/// the machine. It blocks, because threads of the pool that wait for the next answer spin, which costs as much as a server does.
/// </summary>
sealed class LoadClient : IDisposable
{
    static readonly byte[] LastChunk = "\r\n0\r\n\r\n"u8.ToArray();

    readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    readonly byte[] _request;
    readonly byte[] _expected;
    byte[] _answer = new byte[64 * 1024];

    /// <param name="job">What to send, and what each answer must contain.</param>
    public LoadClient(LoadJob job)
    {
        var body = Encoding.UTF8.GetBytes(job.Body);
        var head = new StringBuilder($"POST {job.Path} HTTP/1.1\r\nHost: 127.0.0.1:{job.Port}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n");
        foreach (var (name, value) in job.Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        _request = [.. Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), .. body];
        _expected = Encoding.UTF8.GetBytes(job.Expected);
    }

    public void Connect(int port) => _socket.Connect(IPAddress.Loopback, port);

    /// <summary>Sends the request and reads the answer to its end.</summary>
    /// <returns><c>null</c> when it was as expected, otherwise the beginning of it.</returns>
    public string? Call()
    {
        _socket.Send(_request);
        var length = 0;
        for (var (bodyAt, end) = (0, -1); !IsWhole(length, ref bodyAt, ref end);)
        {
            if (length == _answer.Length)
                Array.Resize(ref _answer, 2 * length);
            var read = _socket.Receive(_answer.AsSpan(length));
            if (read == 0)
                throw new IOException("The server closed the connection.");
            length += read;
        }
        var answer = _answer.AsSpan(0, length);
        return answer.StartsWith("HTTP/1.1 200"u8) && answer.IndexOf(_expected) >= 0 && answer.IndexOf("\"isError\":true"u8) < 0
            ? null
            : Encoding.UTF8.GetString(answer[..Math.Min(length, 600)]);
    }

    bool IsWhole(int length, ref int bodyAt, ref int end)
    {
        var answer = _answer.AsSpan(0, length);
        if (bodyAt == 0)
        {
            if (answer.IndexOf("\r\n\r\n"u8) is not (>= 0 and var headEnd))
                return false;
            bodyAt = headEnd + 4;
            var head = Encoding.ASCII.GetString(answer[..headEnd]);
            if (head.IndexOf("\r\nContent-Length:", StringComparison.OrdinalIgnoreCase) is >= 0 and var at)
                end = bodyAt + int.Parse(head.AsSpan(at + 17)[..head.AsSpan(at + 17).IndexOfAnyOrEnd('\r')], CultureInfo.InvariantCulture);
        }
        // No JSON has this in it: line breaks in texts are escaped.
        return end >= 0 ? length >= end : answer.EndsWith(LastChunk);
    }

    public void Dispose() => _socket.Dispose();
}

static class SpanExtensions
{
    public static int IndexOfAnyOrEnd(this ReadOnlySpan<char> text, char stop) => text.IndexOf(stop) is >= 0 and var at ? at : text.Length;
}
