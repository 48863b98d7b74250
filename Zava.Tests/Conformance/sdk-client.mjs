// The TypeScript SDK before its clients and servers were parted: initialize, then a list and a call.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, token, name, args] = process.argv.slice(2);
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${token}` } } });
const client = new Client({ name: "zava-tests", version: "1.0.0" });
await client.connect(transport);
const { tools } = await client.listTools();
const { structuredContent } = await client.callTool({ name, arguments: JSON.parse(args) });
console.log(JSON.stringify({ protocolVersion: transport.protocolVersion, tools: tools.map((tool) => tool.name), structuredContent }));
await client.close();
