using Zava.McpServer;
using Zava.McpServer.Stdio;

if (args.Contains(StdioServer.Option))
    return await StdioServer.RunAsync(args);

WebApplication.CreateBuilder(args).BuildZavaMcpServer().Run();
return 0;
