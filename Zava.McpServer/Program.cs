using Zava.McpServer;
using Zava.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddZavaMcpServer();

var app = builder.Build();
app.MapDefaultEndpoints();
app.MapZavaMcpServer();
app.Run();
