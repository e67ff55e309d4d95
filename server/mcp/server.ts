import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Call, Deps } from "../ports/call.ts";
import { defined } from "../run/defined.ts";
import type { User } from "../run/state.ts";
import { type Answers, answersOf, identityOf, type ServerOptions } from "./answers.ts";
import { humanOf } from "./human.ts";
import { instructions } from "./instructions.ts";
import { lenient } from "./lenient-messages.ts";
import { NotOffered } from "./not-offered.ts";
import { progressSender } from "./progress.ts";
import { schemaValidator } from "./schema-validator.ts";
import { offerSubscriptions } from "./subscriptions.ts";

const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {} };

/**
 * Builds the server for one connection of the eras that begin with `initialize`; what it remembers about the
 * conversation goes with it.
 */
export function buildServer(deps: Deps, options: ServerOptions): Server {
  const answers = answersOf(deps, options);
  const server = new Server(identityOf(options), {
    capabilities,
    instructions: instructions(options.toolsets),
    jsonSchemaValidator: schemaValidator,
  });
  offerTools(server, answers, options.user);
  offerPages(server, answers);
  offerSubscriptions(server, deps);
  const connect = server.connect.bind(server);
  server.connect = (transport) => connect(lenient(transport));
  return server;
}

function offerTools(server: Server, answers: Answers, user: User | undefined): void {
  const connection: Call["connection"] = { shownPlans: new Set(), notes: new Map() };
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: answers.listTools(server.getClientCapabilities()?.extensions?.["io.modelcontextprotocol/ui"] !== undefined),
  }));
  server.setRequestHandler(
    CallToolRequestSchema,
    worded(async ({ params: { name, arguments: given, _meta } }, extra: Extra) => {
      const peer = server.getClientVersion();
      return await answers.callTool(answers.toolNamed(name), given, {
        signal: extra.signal,
        human: humanOf(server, extra.requestId, extra.signal, answers.clean),
        client: peer === undefined ? "unknown" : `${peer.name} ${peer.version}`,
        connection,
        ...defined({ user }),
        progress: progressSender(_meta?.progressToken, extra.sendNotification, answers.clean),
      });
    }),
  );
}

type Extra = Parameters<Parameters<Server["setRequestHandler"]>[1]>[1];

function offerPages(server: Server, answers: Answers): void {
  server.setRequestHandler(ListResourcesRequestSchema, async () => ({ resources: await answers.listResources() }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: answers.resourceTemplates(),
  }));
  server.setRequestHandler(
    ReadResourceRequestSchema,
    worded(async ({ params: { uri } }) => ({ contents: [await answers.readResource(uri)] })),
  );
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: answers.listPrompts() }));
  server.setRequestHandler(
    GetPromptRequestSchema,
    worded(async ({ params }) => answers.getPrompt(params.name, params.arguments)),
  );
  server.setRequestHandler(
    CompleteRequestSchema,
    worded(({ params: { ref, argument } }) => answers.complete(ref, argument)),
  );
}

/** A handler whose `NotOffered` is worded as these eras word it. */
function worded<Asked extends unknown[], Answer>(handle: (...asked: Asked) => Promise<Answer>) {
  return async (...asked: Asked): Promise<Answer> => {
    try {
      return await handle(...asked);
    } catch (error) {
      throw error instanceof NotOffered ? new McpError(ErrorCode.InvalidParams, error.message) : error;
    }
  };
}
