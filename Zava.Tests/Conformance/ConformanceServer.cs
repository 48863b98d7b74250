using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using ModelContextProtocol.Protocol;
using Zava.McpServer.Identity;
using Zava.Tests.Conformance.Fixture;
using Zava.Tests.Infrastructure;

namespace Zava.Tests.Conformance;

/// <summary>The real server with the fixture's tools, resources and prompts beside its own.</summary>
public sealed class ConformanceServer(DatabaseTemplate template) : IAsyncLifetime
{
    public TestDatabase Database { get; private set; } = null!;

    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(Database = await template.CreateDatabaseAsync(), configure: AddFixture);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Database.DisposeAsync();
    }

    static void AddFixture(WebApplicationBuilder builder)
    {
#pragma warning disable MCP9005 // Log levels are deprecated, and still part of the suite.
        builder.Services.AddMcpServer()
            .WithTools<FixtureTools>()
            .WithTools<ClientRequestTools>()
            .WithTools<InputRequiredTools>()
            .WithTools(SchemaTools.All)
            .WithResources<FixtureResources>()
            .WithPrompts<FixturePrompts>()
            .WithCompleteHandler((_, _) => ValueTask.FromResult(new CompleteResult { Completion = new() { Values = [] } }))
            .WithSubscribeToResourcesHandler((_, _) => ValueTask.FromResult(new EmptyResult()))
            .WithUnsubscribeFromResourcesHandler((_, _) => ValueTask.FromResult(new EmptyResult()))
            .WithSetLoggingLevelHandler((_, _) => ValueTask.FromResult(new EmptyResult()));
#pragma warning restore MCP9005
        builder.Services.AddSingleton<IStartupFilter, SuiteSignIn>();
    }

    /// <summary>
    /// The suite cannot send a header of its own, so its requests are given a token on their way in; what follows is the
    /// server's own pipeline, which checks it like any other.
    /// </summary>
    sealed class SuiteSignIn(DevelopmentIssuer issuer) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next)
        {
            var token = new AuthenticationHeaderValue("Bearer", issuer.Issue(Persona.All.Single(persona => persona.Name == "head-office"))).ToString();
            return app => next(app.Use(signIn =>
                context =>
                {
                    context.Request.Headers.TryAdd(HeaderNames.Authorization, token);
                    return signIn(context);
                }));
        }
    }
}
