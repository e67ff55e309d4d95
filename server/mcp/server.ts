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
import type { Answers } from "./answers.ts";
import { answersLater } from "./answers-later.ts";
import { humanOf } from "./human.ts";
import { instructions } from "./instructions.ts";
import { lenient } from "./lenient-messages.ts";
import { NotOffered } from "./not-offered.ts";
import { identityOf, type ServerOptions } from "./options.ts";
import { progressSender } from "./progress.ts";
import { schemaValidator } from "./schema-validator.ts";
import { offerSubscriptions } from "./subscriptions.ts";

const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {} };

/**
 * Builds the server for one connection of the eras that begin with `initialize`; what it remembers about the
 * conversation goes with it.
 */
export function buildServer(deps: Deps, options: ServerOptions): Server {
  const answers = answersLater(deps, options);
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

type Later = () => Promise<Answers>;

function offerTools(server: Server, later: Later, user: User | undefined): void {
  const connection: Call["connection"] = { shownPlans: new Set(), notes: new Map() };
  server.setRequestHandler(ListToolsRequestSchema, async () => {
    const showsViews = server.getClientCapabilities()?.extensions?.["io.modelcontextprotocol/ui"] !== undefined;
    return { tools: (await later()).listTools(showsViews) };
  });
  server.setRequestHandler(
    CallToolRequestSchema,
    worded(async ({ params: { name, arguments: given, _meta } }, extra: Extra) => {
      const answers = await later();
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

function offerPages(server: Server, later: Later): void {
  server.setRequestHandler(
    ListResourcesRequestSchema,
    worded(async ({ params }) => await (await later()).listResources(params?.cursor)),
  );
  server.setRequestHandler(ListResourceTemplatesRequestSchema, async () => ({
    resourceTemplates: (await later()).resourceTemplates(),
  }));
  server.setRequestHandler(
    ReadResourceRequestSchema,
    worded(async ({ params: { uri } }) => ({ contents: [await (await later()).readResource(uri)] })),
  );
  server.setRequestHandler(ListPromptsRequestSchema, async () => ({ prompts: (await later()).listPrompts() }));
  server.setRequestHandler(
    GetPromptRequestSchema,
    worded(async ({ params }) => (await later()).getPrompt(params.name, params.arguments)),
  );
  server.setRequestHandler(
    CompleteRequestSchema,
    worded(async ({ params: { ref, argument } }) => (await later()).complete(ref, argument)),
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
