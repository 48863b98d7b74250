using Zava.McpServer;

WebApplication.CreateBuilder(args).BuildZavaMcpServer().Run();
