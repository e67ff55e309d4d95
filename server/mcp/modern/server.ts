import {
  type CacheHint,
  type CallToolResult,
  type Implementation,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  SERVER_INFO_META_KEY,
  Server,
  type ServerContext,
  type Tool,
  type Transport,
} from "@modelcontextprotocol/server";
import type { Deps } from "../../ports/call.ts";
import { defined } from "../../run/defined.ts";
import { membersOf } from "../../run/record.ts";
import { Asked } from "../asked.ts";
import { instructions } from "../instructions.ts";
import { lenient } from "../lenient-messages.ts";
import { NotOffered } from "../not-offered.ts";
import { identityOf, type ServerOptions } from "../options.ts";
import { progressSender } from "../progress.ts";
import { schemaValidator } from "../schema-validator.ts";
import type { Behind } from "./behind.ts";
import { canElicit, clientOf, knows, principalOf, userOf } from "./context.ts";
import type { Conversation } from "./conversations.ts";
import { handleOf, offerTasks, tasksExtension } from "./offer-tasks.ts";
import type { TaskRecord } from "./task-store.ts";
import type { Owner } from "./tasks.ts";

const capabilities = {
  tools: {},
  resources: { subscribe: true },
  prompts: {},
  completions: {},
  extensions: { [tasksExtension]: {} },
};

const hour = 3_600_000;
/** What a program says of itself changes with the program alone; runs change at any time. */
const fixed: CacheHint = { ttlMs: hour, cacheScope: "public" };
const cacheHints = {
  "server/discover": fixed,
  // A client that shows views is told more of a tool than others are.
  "tools/list": { ttlMs: hour, cacheScope: "private" },
  "prompts/list": fixed,
  "resources/templates/list": fixed,
} as const;

type Later = () => Promise<Behind>;
type OwnerOf = (context: ServerContext) => Owner;
/** What a request belongs to. */
type ConversationOf = (context: ServerContext) => Conversation;

/** Builds servers for the era without a handshake, 2026-07-28: one for a connection over stdio, one a request over HTTP. */
export type ModernBuilder = () => Server;

/**
 * The same answers as in every era; a human is asked by round trips, and work that lasts becomes a task where the client
 * knows tasks. What goes on between requests is one for all servers that are built, and loaded when something is asked that
 * needs it: who says hello waits for no tool.
 */
export function modernBuilder(deps: Deps, options: ServerOptions, conversationOf: ConversationOf): ModernBuilder {
  let loaded: Promise<Behind> | undefined;
  const later: Later = () => {
    loaded ??= import("./behind.ts").then(({ behindOf }) => behindOf(deps, options));
    return loaded;
  };
  const ownerOf = (context: ServerContext): Owner => ({
    client: clientOf(context),
    connection: conversationOf(context),
    principal: principalOf(context),
    ...defined({ user: userOf(context) }),
    canAsk: canElicit(context),
  });
  return () => {
    const server = new Server(identityOf(options), {
      capabilities,
      instructions: instructions(options.toolsets),
      cacheHints,
      jsonSchemaValidator: schemaValidator,
      requestState: { verify: async (state, context) => (await later()).rounds.verify(state, context) },
    });
    offerTools(server, later, ownerOf);
    offerTasks(server, later, ownerOf);
    offerPages(server, later);
    const connect = server.connect.bind(server);
    server.connect = (transport) => connect(bare(lenient(transport)));
    return server;
  };
}

function offerTools(server: Server, later: Later, ownerOf: OwnerOf): void {
  server.setRequestHandler("tools/list", async (_request, context) => {
    const { answers } = await later();
    return { tools: answers.listTools(knows(context, "io.modelcontextprotocol/ui")) as Tool[] };
  });
  server.setRequestHandler(
    "tools/call",
    worded(async ({ params: { name, arguments: given } }, context: ServerContext) => {
      const { answers, rounds, tasks } = await later();
      const tool = answers.toolNamed(name);
      const round = await rounds.open(context, { tool: name, given });
      const owner = ownerOf(context);
      const caller = {
        ...owner,
        signal: context.mcpReq.signal,
        human: round.human,
        progress: progressSender(context.mcpReq._meta?.progressToken, context.mcpReq.notify, answers.clean),
      };
      try {
        const lasts = tool.lasting !== undefined && (tool.lasting.lasts?.(membersOf(given)) ?? true);
        if (!lasts || !knows(context, tasksExtension)) return await answers.callTool(tool, given, caller);
        const begun = await tasks.begin(tool, given, owner, caller);
        return "task_id" in begun ? (handleOf(begun as TaskRecord) as CallToolResult) : begun;
      } catch (error) {
        if (error instanceof Asked) return await round.ask(error.question);
        throw error;
      }
    }),
  );
}

function offerPages(server: Server, later: Later): void {
  const answers = async () => (await later()).answers;
  server.setRequestHandler(
    "resources/list",
    worded(async ({ params }) => await (await answers()).listResources(params?.cursor)),
  );
  server.setRequestHandler("resources/templates/list", async () => ({
    resourceTemplates: (await answers()).resourceTemplates(),
  }));
  server.setRequestHandler(
    "resources/read",
    worded(async ({ params: { uri } }) => {
      const contents = [await (await answers()).readResource(uri)];
      return uri.startsWith("deft://reference/") ? { contents, ...fixed } : { contents };
    }),
  );
  server.setRequestHandler("prompts/list", async () => ({ prompts: (await answers()).listPrompts() }));
  server.setRequestHandler(
    "prompts/get",
    worded(async ({ params }) => (await answers()).getPrompt(params.name, params.arguments)),
  );
  server.setRequestHandler(
    "completion/complete",
    worded(async ({ params: { ref, argument } }) => (await answers()).complete(ref, argument)),
  );
}

/**
 * What the SDK puts into results and nobody needs: content beside a handle, and our pictures with every answer, which
 * `server/discover` shows once.
 */
function bare(transport: Transport): Transport {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    if (!("result" in message)) return send(message, options);
    const { content: _none, ...handle } = message.result;
    const result = handle.resultType === "task" ? handle : message.result;
    const { [SERVER_INFO_META_KEY]: told, ...rest } = membersOf(result._meta);
    if (told === undefined || "supportedVersions" in result) return send({ ...message, result }, options);
    const { icons: _pictures, ...info } = told as Implementation;
    return send({ ...message, result: { ...result, _meta: { ...rest, [SERVER_INFO_META_KEY]: info } } }, options);
  };
  return transport;
}

/** A handler whose `NotOffered` is worded as this era words it. */
function worded<Given extends unknown[], Answer>(handle: (...given: Given) => Promise<Answer>) {
  return async (...given: Given): Promise<Answer> => {
    try {
      return await handle(...given);
    } catch (error) {
      if (!(error instanceof NotOffered)) throw error;
      if (error.uri !== undefined) throw new ResourceNotFoundError(error.uri, error.message);
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, error.message);
    }
  };
}
