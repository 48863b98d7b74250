namespace Zava.McpServer.Identity;

/// <summary>
/// Where the developer who started the server is told secrets of this machine. Not through the logger: a log may be exported and kept.
/// </summary>
sealed class Terminal(TextWriter output)
{
    public void WriteLine(string line) => output.WriteLine(line);
}
