import { setTimeout as sleep } from "node:timers/promises";
import {
  type CallToolResult,
  type ContentBlock,
  createRequestStateCodec,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  Server,
  type ServerContext,
  type Tool,
} from "@modelcontextprotocol/server";
import { answersOf } from "../../server/mcp/answers.ts";
import { instructions } from "../../server/mcp/instructions.ts";
import type { BuildModern } from "../../server/mcp/modern/http.ts";
import { identityOf } from "../../server/mcp/options.ts";
import {
  contentFixtures,
  listedFixture,
  promptArguments,
  promptContents,
  readFixture,
  resourceUris,
} from "./conformance-fixtures.ts";

type Answered = CallToolResult | InputRequiredResult;
type Round = { readonly responses: Record<string, unknown>; readonly state: unknown; readonly context: ServerContext };

const codec = createRequestStateCodec<string>({ key: "0123456789abcdef0123456789abcdef" });
const text = (words: string): ContentBlock => ({ type: "text", text: words });
const done = (words: string): CallToolResult => ({ content: [text(words)] });
const elicit = (message: string, field: string) =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: "object", properties: { [field]: { type: "string" } }, required: [field] },
  });
const confirm = inputRequired.elicit({
  message: "Please confirm",
  requestedSchema: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] },
});
const isAnswer = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Asks until everything asked was answered, without a word of what was asked remembered here. */
function askAll(requests: InputRequests, tell: (responses: Record<string, unknown>) => string, state?: string) {
  return async ({ responses, state: given, context }: Round): Promise<Answered> => {
    const isWhole = Object.keys(requests).every((key) => isAnswer(responses[key]));
    if (isWhole && (state === undefined || given === state)) return done(tell(responses));
    const sealed = state === undefined ? {} : { requestState: await codec.mint(state, context) };
    return inputRequired({ inputRequests: requests, ...sealed });
  };
}

const name = elicit("What is your name?", "name");
const sampling = inputRequired.createMessage({
  messages: [{ role: "user", content: { type: "text", text: "What is the capital of France?" } }],
  maxTokens: 100,
});
const roots = inputRequired.listRoots();
const told = (responses: Record<string, unknown>) => JSON.stringify(responses);
const steps = [
  { key: "step1", state: "one", request: elicit("Step 1: What is your name?", "name") },
  { key: "step2", state: "two", request: elicit("Step 2: What is your favorite color?", "color") },
];

/** The tools of this era that the protocol's conformance suite calls by name, beside those of every era. */
const fixtures: Record<string, (round: Round) => Promise<Answered>> = {
  test_input_required_result_elicitation: askAll({ user_name: name }, told),
  test_input_required_result_sampling: askAll({ capital_question: sampling }, told),
  test_input_required_result_list_roots: askAll({ client_roots: roots }, told),
  test_input_required_result_request_state: askAll({ confirm }, () => "state-ok", "s"),
  test_input_required_result_tampered_state: askAll({ confirm }, told, "t"),
  test_input_required_result_multiple_inputs: askAll(
    { user_name: name, greeting: sampling, client_roots: roots },
    told,
    "m",
  ),
  async test_input_required_result_multi_round({ responses, state, context }) {
    const at = state === undefined ? 0 : steps.findIndex((step) => step.state === state) + 1;
    const before = steps[at - 1];
    if (before !== undefined && !isAnswer(responses[before.key])) return done("No answer.");
    const next = steps[at];
    if (next === undefined) return done("All rounds are done.");
    const requestState = await codec.mint(next.state, context);
    return inputRequired({ inputRequests: { [next.key]: next.request }, requestState });
  },
  async test_input_required_result_capabilities({ responses, context }) {
    const { elicitation, sampling: samples } = capabilitiesOf(context);
    const requests: InputRequests = {
      ...(elicitation === undefined ? {} : { user_name: name }),
      ...(samples === undefined ? {} : { capital_question: sampling }),
    };
    return await askAll(requests, told)({ responses, state: undefined, context });
  },
  async test_missing_capability({ context }) {
    if (capabilitiesOf(context).sampling === undefined) {
      throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    }
    return done("The client samples.");
  },
  test_streaming_elicitation: askAll({ user_name: name }, told),
  async test_logging_tool({ context }) {
    await context.mcpReq.log("info", "A line of the log");
    return done("Logged.");
  },
  async test_tool_with_progress({ context }) {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      const params = { progressToken: progressToken ?? 0, progress, total: 100 };
      if (progressToken !== undefined) await context.mcpReq.notify({ method: "notifications/progress", params });
      await sleep(50);
    }
    return done("Done.");
  },
};

function capabilitiesOf({ mcpReq }: ServerContext): Record<string, unknown> {
  const envelope = mcpReq.envelope as Record<string, Record<string, unknown>> | undefined;
  return envelope?.["io.modelcontextprotocol/clientCapabilities"] ?? {};
}

/**
 * Our server for the era without a handshake, made to answer what the protocol's conformance suite asks for by name, beside
 * listing our own tools. The endpoint, its guards and its transports are those of every other request.
 */
export const modernWithFixtures: BuildModern = (deps, options) => {
  const answers = answersOf(deps, options, true);
  return () => {
    const server = new Server(identityOf(options), {
      capabilities: {
        tools: {},
        resources: { subscribe: true },
        prompts: {},
        completions: {},
        logging: {},
      },
      instructions: instructions(options.toolsets),
      requestState: { verify: codec.verify },
    });
    const named = [...Object.keys(contentFixtures), ...Object.keys(fixtures)];
    server.setRequestHandler("tools/list", () => ({
      tools: [...answers.listTools(false), ...named.map((one) => listedFixture([one, {}]))] as Tool[],
    }));
    server.setRequestHandler("tools/call", async ({ params }, context): Promise<Answered> => {
      const { inputResponses: responses = {} } = context.mcpReq;
      const fixture = fixtures[params.name];
      if (fixture) return await fixture({ responses, state: context.mcpReq.requestState(), context });
      const content = contentFixtures[params.name];
      if (content === undefined)
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
      try {
        return { content: (await content()) as ContentBlock[] };
      } catch (error) {
        return { isError: true, content: [text(String(error))] };
      }
    });
    offerPages(server);
    return server;
  };
};

function offerPages(server: Server): void {
  server.setRequestHandler("resources/list", () => ({
    resources: resourceUris.map((uri) => ({ uri, name: uri.slice(7), description: `Conformance fixture ${uri}` })),
  }));
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: [] }));
  server.setRequestHandler("resources/read", ({ params: { uri } }) => {
    const contents = readFixture(uri);
    if (contents === undefined) throw new ResourceNotFoundError(uri);
    return { contents: [contents] };
  });
  const asking = "test_input_required_result_prompt";
  server.setRequestHandler("prompts/list", () => ({
    prompts: Object.entries({ ...promptArguments, [asking]: [] }).map(([prompt, names]) => ({
      name: prompt,
      description: `Conformance fixture ${prompt}`,
      arguments: names.map((one) => ({ name: one, description: one, required: true })),
    })),
  }));
  server.setRequestHandler("prompts/get", ({ params }, { mcpReq }) => {
    if (params.name === asking && !isAnswer(mcpReq.inputResponses?.user_context)) {
      return inputRequired({
        inputRequests: { user_context: elicit("What context should the prompt use?", "context") },
      });
    }
    if (params.name === asking) return { messages: [{ role: "user" as const, content: text("With that context.") }] };
    const contents = promptContents(params.name, params.arguments ?? {}) as ContentBlock[];
    return { messages: contents.map((content) => ({ role: "user" as const, content })) };
  });
  server.setRequestHandler("completion/complete", () => ({ completion: { values: [], total: 0, hasMore: false } }));
}
