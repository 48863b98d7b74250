using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Zava.McpServer.Messages;

namespace Zava.McpServer.Stdio;

/// <summary>
/// Stands between standard input and the SDK's transport: passes each line on that is a message by <see cref="MessageRules"/>, and
/// answers the others itself.
/// </summary>
sealed class CheckedInput(Stream input, PipeWriter messages, ITransport transport) : BackgroundService
{
    const byte LineFeed = (byte)'\n', CarriageReturn = (byte)'\r', Space = (byte)' ';

#pragma warning disable MCP9005 // Deprecated by the protocol, and still read by the SDK.
    static readonly (string Name, Type Type)[] ReadAhead =
        [(MetaKeys.ClientInfo, typeof(Implementation)), (MetaKeys.ClientCapabilities, typeof(ClientCapabilities)), (MetaKeys.LogLevel, typeof(LoggingLevel?))];
#pragma warning restore MCP9005

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var lines = PipeReader.Create(input);
        try
        {
            while (true)
            {
                // Reading from a console or pipe heeds no cancellation.
                var read = await lines.ReadAsync(CancellationToken.None).AsTask().WaitAsync(stoppingToken);
                var rest = read.Buffer;
                while (rest.PositionOf(LineFeed) is { } end)
                {
                    await TakeAsync(rest.Slice(0, end).ToArray(), stoppingToken);
                    rest = rest.Slice(rest.GetPosition(1, end));
                }
                if (read.IsCompleted)
                {
                    await TakeAsync(rest.ToArray(), stoppingToken);
                    return;
                }
                lines.AdvanceTo(rest.Start, rest.End);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        finally
        {
            // The transport takes it for the end of input, and the server ends.
            await messages.CompleteAsync();
        }
    }

    async Task TakeAsync(byte[] line, CancellationToken cancellationToken)
    {
        // In JSON it is white space only; to the transport it would be the end of a line.
        line.AsSpan().Replace(CarriageReturn, Space);
        if (line.AsSpan().TrimEnd(" \t"u8).IsEmpty)
            return;
        var refusal = MessageRules.Check(line, out var message);
        using (message)
            refusal ??= CanBeRead(message!.RootElement) ? null : MessageRules.WrongParameters(message.RootElement);
        if (refusal is not null)
        {
            await transport.SendMessageAsync(refusal.Answer, cancellationToken);
            return;
        }
        messages.Write(MessageRules.WithoutPreamble(line).Span);
        messages.Write([LineFeed]);
        await messages.FlushAsync(cancellationToken);
    }

    // What the SDK reads before any filter. Over HTTP it throws into MessageCheck; here the client would get "An error occurred".
    static bool CanBeRead(JsonElement message)
    {
        var hasParameters = message.TryGetProperty("params", out var parameters) && parameters.ValueKind == JsonValueKind.Object;
        try
        {
            if (message.TryGetProperty("method", out var method) && method.ValueEquals(RequestMethods.Initialize)
                && (!hasParameters || parameters.Deserialize<InitializeRequestParams>(McpJsonUtilities.DefaultOptions) is null))
                return false;
            if (hasParameters && parameters.TryGetProperty("_meta", out var meta) && meta.ValueKind == JsonValueKind.Object)
                foreach (var (name, type) in ReadAhead)
                    if (meta.TryGetProperty(name, out var value))
                        value.Deserialize(type, McpJsonUtilities.DefaultOptions);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
