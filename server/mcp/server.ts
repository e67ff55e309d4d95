import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from "@modelcontextprotocol/sdk/types.js";
import type { Tool, Toolset } from "../../tools/define.ts";
import { tools } from "../../tools/index.ts";
import { Refusal } from "../errors.ts";
import type { Call, Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import { redactDeep, redactor } from "../run/redact.ts";
import type { User } from "../run/state.ts";
import { failure, success } from "./answer.ts";
import { parseArguments } from "./arguments.ts";
import { humanOf } from "./human.ts";
import { iconsOf } from "./icons.ts";
import { instructions } from "./instructions.ts";
import { lenient } from "./lenient-messages.ts";
import { listed } from "./listing.ts";
import { progressSender } from "./progress.ts";
import { offerPrompts } from "./prompts.ts";
import { offerResources } from "./resources.ts";
import { offerSubscriptions } from "./subscriptions.ts";

export type ServerOptions = {
  readonly version: string;
  readonly toolsets: readonly Toolset[];
  /** Who is connected, where an issuer vouches for it. */
  readonly user?: User;
  /** Where stacks of defects go; never stdout, which carries the protocol. */
  log(line: string): void;
};

const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {} };

/** Builds the server for one connection; what it remembers about the conversation goes with it. */
export function buildServer(deps: Deps, options: ServerOptions): Server {
  const chosen = tools.filter((tool) => options.toolsets.includes(tool.toolset));
  const offered = new Map(chosen.map((tool) => [tool.name, tool]));
  const server = new Server(
    { name: "deft-mcp", title: "DEFT AOI loop", version: options.version, icons: iconsOf("deft") },
    { capabilities, instructions: instructions(options.toolsets) },
  );
  const clean = redactor(deps.env);
  const connection: Call["connection"] = { shownPlans: new Set(), notes: new Map() };
  server.setRequestHandler(ListToolsRequestSchema, () => {
    const showsViews = server.getClientCapabilities()?.extensions?.["io.modelcontextprotocol/ui"] !== undefined;
    // Every listing is paid for in bytes, so only who draws gets pictures.
    const drawn = (tool: Tool) => (showsViews ? { icons: iconsOf(tool.toolset) } : {});
    return { tools: chosen.map((tool) => ({ ...listed(tool, showsViews), ...drawn(tool) })) };
  });
  server.setRequestHandler(CallToolRequestSchema, async (request, extra) => {
    const { name, arguments: given, _meta } = request.params;
    const tool = offered.get(name);
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${name}`);
    const peer = server.getClientVersion();
    return await runTool(
      tool,
      given,
      options,
      {
        deps,
        signal: extra.signal,
        human: humanOf(server, extra.requestId, extra.signal, clean),
        client: peer === undefined ? "unknown" : `${peer.name} ${peer.version}`,
        connection,
        ...defined({ user: options.user }),
        progress: progressSender(_meta?.progressToken, extra.sendNotification, clean),
      },
      clean,
    );
  });
  const connect = server.connect.bind(server);
  server.connect = (transport) => connect(lenient(transport));
  offerResources(server, deps);
  offerSubscriptions(server, deps);
  offerPrompts(server, deps, options.toolsets);
  return server;
}

async function runTool(
  tool: Tool,
  given: unknown,
  options: ServerOptions,
  call: Call,
  clean: (text: string) => string,
): Promise<CallToolResult> {
  try {
    const output = await tool.handle(
      parseArguments(tool.input, given, { env: call.deps.env, ...defined({ keepsBlank: tool.keepsBlank }) }),
      call,
    );
    const told = tool.output.parse(output);
    return success(redactDeep(told, clean), tool.links?.(told) ?? []);
  } catch (error) {
    const incident = call.deps.ids.hex(8);
    if (!(error instanceof Refusal)) options.log(clean(`incident ${incident} in ${tool.name}: ${stackOf(error)}`));
    return redactDeep(failure(error, incident), clean);
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
