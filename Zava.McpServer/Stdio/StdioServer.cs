using System.IO.Pipelines;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Protocol;
using Npgsql;
using Zava.Database;
using Zava.ServiceDefaults;

namespace Zava.McpServer.Stdio;

/// <summary>
/// The same server on standard input and output, for the one caller whom the token in ZAVA_TOKEN names. It opens no port; it
/// ends when its client closes standard input.
/// </summary>
static class StdioServer
{
    public const string Option = "--stdio";

    /// <summary>Runs until the client goes away.</summary>
    /// <returns>1 when it refused to start; standard error says why.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        // The transport has standard output to itself: whatever else is written there would not be protocol.
        Console.SetOut(Console.Error);
        try
        {
            using var host = Build(args);
            // Before anything starts, so that nobody who may not use the server makes it reach for the database.
            await host.Services.GetRequiredService<StdioCaller>().AuthenticateAsync();
            // Its client would wait for answers: better it starts the server again when the database is there.
            await RoleSafety.VerifyAsync(host.Services.GetRequiredService<NpgsqlDataSource>(), CancellationToken.None);
            await host.RunAsync();
            return 0;
        }
        catch (Exception expected) when (expected is TokenRefusedException or DatabaseSetupException or InvalidOperationException or OptionsValidationException or NpgsqlException)
        {
            await Console.Error.WriteLineAsync(expected.Message);
            return 1;
        }
    }

    static IHost Build(string[] args)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings
        {
            Args = [.. args.Where(argument => argument != Option)],
            // As over HTTP, where this name comes first too.
            EnvironmentName = Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT"),
            // A client starts the program in a folder of its own.
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        // A host that does not start throws, and the reason is said once, without a stack trace.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        // What is wrong with a token is said once too, in the refusal.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Authentication", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.AspNetCore.Authorization", LogLevel.Warning);
        builder.AddServiceDefaults();
        builder.Services.AddRouting(); // Authorization asks for it, though nothing is routed.
        builder.Services.AddSingleton<StdioCaller>();
        var messages = new Pipe();
        builder.AddZavaMcpServer()
            .WithStreamServerTransport(messages.Reader.AsStream(), new BufferedStream(Console.OpenStandardOutput()))
            .WithMessageFilters(messages => messages.AddIncomingFilter(next => async (message, cancellationToken) =>
            {
                // For each message, as over HTTP: a token that has expired meanwhile is worth nothing any more.
                var user = await message.Services!.GetRequiredService<StdioCaller>().AuthenticateAsync();
                (message.JsonRpcMessage.Context ??= new JsonRpcMessageContext()).User = user;
                message.User = user;
                await next(message, cancellationToken);
            }));
        builder.Services.AddHostedService(services => new CheckedInput(Console.OpenStandardInput(), messages.Writer, services.GetRequiredService<ITransport>()));
        return builder.Build();
    }
}
