using Zava.Tests.Infrastructure;
using Zava.Tests.Isolation;

namespace Zava.Tests.Telemetry;

/// <summary>What is sampled. Alone in the process: what the sampler of another server records, every provider gets.</summary>
[CollectionDefinition(nameof(SamplingTests), DisableParallelization = true), Collection(nameof(SamplingTests))]
public sealed class SamplingTests(DatabaseTemplate template)
{
    [Fact]
    public async Task The_standard_variables_decide_what_is_sampled()
    {
        await using var stores = new TwoStores(template);
        await stores.InitializeAsync();
        using var recorded = new RecordedTelemetry();
        await using var server = await RunningServer.StartAsync(stores.Database, recorded.Traces,
            builder => builder.Configuration["OTEL_TRACES_SAMPLER"] = "always_off");
        await TraceTreeTests.SearchAsync(server, "seattle-manager");
        Assert.Equal(0, recorded.Spans.Count(span => span.Source.Name == "Microsoft.AspNetCore" && Equals(span.GetTagItem("server.port"), server.Address.Port)));
    }
}
