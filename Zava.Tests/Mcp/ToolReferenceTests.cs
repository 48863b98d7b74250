using Zava.Benchmarks;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Mcp;

public sealed class ToolReferenceTests
{
    [Fact]
    public async Task The_reference_in_docs_is_that_of_the_server()
    {
        var written = (await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "tools.md"), TestContext.Current.CancellationToken)).ReplaceLineEndings("\n");
        var actual = await ToolReference.WriteAsync();
        Assert.Equal(actual, await ToolReference.WriteAsync());
        var (has, should) = written.Split('\n').Zip(actual.Split('\n')).FirstOrDefault(lines => lines.First != lines.Second);
        Assert.True(written == actual, $"docs/tools.md is not what the server has: ./zava docs writes it anew. First difference: '{has}' should be '{should}'.");
    }
}
