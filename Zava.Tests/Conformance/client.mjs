// The newest TypeScript client, which finds out by itself which revision the server speaks.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, token, name, args] = process.argv.slice(2);
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${token}` } } });
const client = new Client({ name: "zava-tests", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
await client.connect(transport);
const { tools } = await client.listTools();
const { structuredContent } = await client.callTool({ name, arguments: JSON.parse(args) });
console.log(JSON.stringify({ protocolVersion: client.getNegotiatedProtocolVersion(), tools: tools.map((tool) => tool.name), structuredContent }));
await client.close();
