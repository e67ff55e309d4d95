import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  type ContentBlock,
  type ElicitRequestFormParams,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  type PromptMessage,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SetLevelRequestSchema,
  type Tool,
} from "@modelcontextprotocol/sdk/types.js";
import { listed } from "../../server/mcp/listing.ts";
import { buildServer } from "../../server/mcp/server.ts";
import { tools } from "../../tools/index.ts";

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type Fixture = { takes?: string; run(given: string, server: Server, extra: Extra): Promise<ContentBlock[]> };

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const image: ContentBlock = { type: "image", data: png, mimeType: "image/png" };
const text = (words: string): ContentBlock => ({ type: "text", text: words });
const embedded = (uri: string, mimeType: string, words: string): ContentBlock => ({
  type: "resource",
  resource: { uri, mimeType, text: words },
});

/** Tools that the protocol's conformance suite calls by name in every era; they speak to nobody meanwhile. */
export const contentFixtures: Record<string, () => Promise<ContentBlock[]>> = {
  test_simple_text: async () => [text("This is a simple text response for testing.")],
  test_image_content: async () => [image],
  test_audio_content: async () => [{ type: "audio", data: wav, mimeType: "audio/wav" }],
  test_embedded_resource: async () => [embedded("test://embedded-resource", "text/plain", "Embedded.")],
  test_multiple_content_types: async () => [
    text("Multiple content types test:"),
    image,
    embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
  ],
  test_error_handling: async () => {
    throw new Error("This tool intentionally returns an error for testing");
  },
};

/** The tools that the protocol's conformance suite calls by name in the eras that begin with a handshake. */
const fixtures: Record<string, Fixture> = {
  ...Object.fromEntries(Object.entries(contentFixtures).map(([name, run]) => [name, { run }])),
  test_tool_with_logging: {
    run: async (_given, _server, { sendNotification }) => {
      for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await sendNotification({ method: "notifications/message", params: { level: "info", data } });
        await sleep(50);
      }
      return [text("Logged.")];
    },
  },
  test_tool_with_progress: {
    run: async (_given, _server, { _meta, sendNotification }) => {
      const progressToken = _meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        const params = { progressToken: progressToken ?? 0, progress, total: 100 };
        if (progressToken !== undefined) await sendNotification({ method: "notifications/progress", params });
        await sleep(50);
      }
      return [text("Done.")];
    },
  },
  test_sampling: {
    takes: "prompt",
    run: async (prompt, server, { requestId }) => {
      const messages = [{ role: "user" as const, content: { type: "text" as const, text: prompt } }];
      const answer = await server.createMessage({ messages, maxTokens: 100 }, { relatedRequestId: requestId });
      return [text(`LLM response: ${JSON.stringify(answer.content)}`)];
    },
  },
  test_elicitation: {
    takes: "message",
    run: (message, server, extra) => elicit(message, person, ["username", "email"], server, extra),
  },
  test_elicitation_sep1034_defaults: {
    run: (_given, server, extra) => elicit("Defaults", defaults, [], server, extra),
  },
  test_elicitation_sep1330_enums: { run: (_given, server, extra) => elicit("Choices", choices, [], server, extra) },
};

type Properties = ElicitRequestFormParams["requestedSchema"]["properties"];
const person: Properties = {
  username: { type: "string", description: "User's response" },
  email: { type: "string", description: "User's email address" },
};
const defaults: Properties = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
};
const titled = ["One", "Two", "Three"].map((word, index) => ({ const: `value${index + 1}`, title: `Option ${word}` }));
const options = ["option1", "option2", "option3"];
const choices: Properties = {
  untitledSingle: { type: "string", enum: options },
  titledSingle: { type: "string", oneOf: titled },
  legacyEnum: {
    type: "string",
    enum: ["opt1", "opt2", "opt3"],
    enumNames: ["Option One", "Option Two", "Option Three"],
  },
  untitledMulti: { type: "array", items: { type: "string", enum: options } },
  titledMulti: { type: "array", items: { anyOf: titled } },
};

async function elicit(message: string, properties: Properties, required: string[], server: Server, extra: Extra) {
  const requestedSchema = { type: "object" as const, properties, required };
  const params = { mode: "form" as const, message, requestedSchema };
  const { action, content } = await server.elicitInput(params, { relatedRequestId: extra.requestId });
  return [text(`Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`)];
}

/**
 * Our server, made to answer what the protocol's conformance suite asks for by name, beside listing our own tools.
 * Transport, guards, sessions and event store under test are those of every other session.
 */
export const buildWithFixtures: typeof buildServer = (deps, options) => {
  const server = buildServer(deps, options);
  offerFixtures(server);
  return server;
};

function offerFixtures(server: Server): void {
  server.registerCapabilities({ logging: {} });
  server.setRequestHandler(SetLevelRequestSchema, () => ({}));
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [...tools.map((tool) => listed(tool)), ...Object.entries(fixtures).map(listedFixture)],
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra): Promise<CallToolResult> => {
    const fixture = fixtures[params.name];
    if (fixture === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${params.name}`);
    try {
      const given = fixture.takes === undefined ? "" : String(params.arguments?.[fixture.takes]);
      return { content: await fixture.run(given, server, extra) };
    } catch (error) {
      return { isError: true, content: [text(error instanceof Error ? error.message : String(error))] };
    }
  });
  offerResources(server);
  offerPrompts(server);
}

/** A fixture as `tools/list` shows it. */
export function listedFixture([name, { takes }]: [string, { takes?: string }]): Tool {
  const properties = takes === undefined ? {} : { [takes]: { type: "string" } };
  const required = takes === undefined ? [] : [takes];
  return { name, description: `Conformance fixture ${name}`, inputSchema: { type: "object", properties, required } };
}

export const resourceUris = ["test://static-text", "test://static-binary", "test://watched-resource"];

function offerResources(server: Server): void {
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: resourceUris.map((uri) => ({ uri, name: uri.slice(7), description: `Conformance fixture ${uri}` })),
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    const contents = readFixture(uri);
    if (contents === undefined) throw new McpError(ErrorCode.InvalidParams, `${uri} not found`);
    return { contents: [contents] };
  });
}

/** What is behind the URI of a fixture. */
export function readFixture(uri: string) {
  if (uri === "test://static-binary") return { uri, mimeType: "image/png", blob: png };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined) {
    const data = { id, templateTest: true, data: `Data for ID: ${id}` };
    return { uri, mimeType: "application/json", text: JSON.stringify(data) };
  }
  if (!resourceUris.includes(uri)) return undefined;
  return { uri, mimeType: "text/plain", text: "This is the content of the static text resource." };
}

export const promptArguments: Record<string, string[]> = {
  test_simple_prompt: [],
  test_prompt_with_arguments: ["arg1", "arg2"],
  test_prompt_with_embedded_resource: ["resourceUri"],
  test_prompt_with_image: [],
};

function offerPrompts(server: Server): void {
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(promptArguments).map(([name, names]) => ({
      name,
      description: `Conformance fixture ${name}`,
      arguments: names.map((one) => ({ name: one, description: one, required: true })),
    })),
  }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const contents = promptContents(params.name, params.arguments ?? {});
    return { messages: contents.map((content): PromptMessage => ({ role: "user", content })) };
  });
  server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: [], total: 0, hasMore: false } }));
}

/** What a fixture of a prompt says. */
export function promptContents(name: string, given: Readonly<Record<string, string>>): ContentBlock[] {
  if (name === "test_simple_prompt") return [text("This is a simple prompt for testing.")];
  if (name === "test_prompt_with_arguments") {
    return [text(`Prompt with arguments: arg1='${given.arg1}', arg2='${given.arg2}'`)];
  }
  if (name === "test_prompt_with_image") return [image, text("Please analyze the image above.")];
  const uri = given.resourceUri ?? "";
  const resource = embedded(uri, "text/plain", "Embedded resource content for testing.");
  return [resource, text("Please process the embedded resource above.")];
}
