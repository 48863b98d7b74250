using Zava.EmbeddingWorker;
using Zava.ServiceDefaults;

var builder = Host.CreateApplicationBuilder(args);
builder.AddServiceDefaults();
builder.AddEmbeddingWorker();

var host = builder.Build();
host.Run();
