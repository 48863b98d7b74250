using Zava.EmbeddingWorker;
using Zava.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
// Only probes and metrics are served: without an address of its own, a worker beside others takes a free port.
if (((string[])["urls", "http_ports", "https_ports"]).All(setting => string.IsNullOrEmpty(builder.Configuration[setting])))
    builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.AddServiceDefaults();
builder.AddEmbeddingWorker();

var app = builder.Build();
app.MapDefaultEndpoints();
app.Run();
