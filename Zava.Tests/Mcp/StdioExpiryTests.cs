using ModelContextProtocol;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

/// <summary>Beside the other tests of standard input and output, because it waits.</summary>
public sealed class StdioExpiryTests(StdioProgram stdio) : IClassFixture<StdioProgram>
{
    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_that_expires_meanwhile_is_refused()
    {
        // Clocks may differ by five minutes, so this one still holds for some seconds: long enough for the start.
        await using var client = await stdio.ConnectAsync(stdio.Token("catalog.read", DateTime.UtcNow.AddMinutes(-5).AddSeconds(25)));
        await client.CallToolAsync("list_stores", cancellationToken: Cancellation);
        await Eventually.EqualAsync(true, async () =>
        {
            try
            {
                await client.CallToolAsync("list_stores", cancellationToken: Cancellation);
                return false;
            }
            catch (McpProtocolException refused) when (refused.Message.Contains("ZAVA_TOKEN: The token expired at"))
            {
                return true;
            }
        });
    }
}
