import { request } from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { type HttpOptions, type HttpService, openHttp } from "../../../server/mcp/http.ts";
import { aRun, testDeps } from "../../support/a-run.ts";
import { buildWithFixtures } from "../../support/conformance-fixtures.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { textOf } from "../../support/memory-client.ts";
import { refusalOf } from "../../support/refusal.ts";

const newFolder = temporaryFolders();
const token = "a-token-of-24-characters";
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function serve(
  change: Partial<HttpOptions> = {},
  env: Record<string, string> = {},
  build?: typeof buildWithFixtures,
): Promise<HttpService> {
  const options: HttpOptions = { version: "0", toolsets: ["deft"], log() {}, host: "127.0.0.1", port: 0, ...change };
  const service = await openHttp(testDeps({ env }), options, build);
  opened.push(service);
  return service;
}

async function join(url: string, options: { token?: string; answer?: "accept" | "decline" } = {}): Promise<Client> {
  const headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  const client = new Client({ name: "t", version: "1" }, { capabilities: options.answer ? { elicitation: {} } : {} });
  const { answer } = options;
  if (answer) client.setRequestHandler(ElicitRequestSchema, () => ({ action: answer }));
  await client.connect(transport as Transport);
  opened.push(client);
  return client;
}

type Answer = { status: number; headers: Record<string, unknown>; text: string };

/** One raw request; `until` ends the reading of an answer that goes on for ever. */
function send(
  url: string,
  init: { method?: string; headers?: object; body?: string },
  until?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const accept = "application/json, text/event-stream";
    const headers = { accept, "content-type": "application/json", ...init.headers };
    const sent = request(url, { method: init.method ?? "POST", headers }, (response) => {
      let text = "";
      const done = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (until === undefined || !text.includes(until)) return;
        done();
        response.destroy();
      });
      response.on("end", done).on("error", () => undefined);
    });
    sent.on("error", reject).end(init.body);
  });
}

const message = (method: string, params: object, id = 1) => JSON.stringify({ jsonrpc: "2.0", id, method, params });
const hello = (protocolVersion = "2025-11-25") =>
  message("initialize", { protocolVersion, capabilities: {}, clientInfo: { name: "raw", version: "1" } });

async function rawSession(url: string): Promise<{ "mcp-session-id": string }> {
  const { headers } = await send(url, { body: hello() });
  return { "mcp-session-id": String(headers["mcp-session-id"]) };
}

describe("who may connect", () => {
  it("is everyone on this machine, from a program", async () => {
    const { url } = await serve();
    expect((await (await join(url)).listTools()).tools.length).toBeGreaterThan(5);
  });

  it("is nobody who comes by another name, or from a page of another origin", async () => {
    const { url } = await serve();
    for (const [headers, code] of [
      [{ host: "evil.example" }, "http.host"],
      [{ origin: "https://evil.example" }, "http.origin"],
    ] as const) {
      const { status, text } = await send(url, { headers, body: hello() });
      expect([status, JSON.parse(text).error.message]).toEqual([403, expect.stringContaining(`${code}: `)]);
    }
  });

  it("is only who carries the token where there is one", async () => {
    const { url } = await serve({ token });
    for (const authorization of [undefined, "Bearer wrong-token-of-24-chars"]) {
      const { status, headers, text } = await send(url, {
        headers: authorization ? { authorization } : {},
        body: hello(),
      });
      expect([status, headers["www-authenticate"]]).toEqual([401, 'Bearer realm="deft-mcp"']);
      expect(text).not.toContain(token);
    }
    expect((await (await join(url, { token })).listTools()).tools).not.toEqual([]);
  });

  it.each(["0.0.0.0", "::", "192.0.2.7"])("is nobody at %s as long as there is no token", async (host) => {
    const refusal = await refusalOf(() =>
      openHttp(testDeps(), { version: "0", toolsets: [], log() {}, host, port: 0 }),
    );
    expect(refusal.code).toBe("http.token");
  });

  it("is nobody at an address that is taken, and the refusal says so", async () => {
    const { url } = await serve();
    const port = Number(new URL(url).port);
    const refusal = await refusalOf(() => serve({ port }));
    expect(refusal.code).toBe("http.address");
    expect(refusal.facts).toEqual({ host: "127.0.0.1", port, errno: "EADDRINUSE" });
  });
});

describe("sessions", () => {
  it("of several clients see one run, each with a conversation of its own", async () => {
    const workspace = await newFolder();
    const runDir = await aRun(workspace);
    const { url } = await serve({}, { DEFT_WORKSPACE: workspace });
    const clients = [await join(url), await join(url)];
    for (const client of clients) {
      const { structuredContent } = await client.callTool({ name: "loop_status", arguments: {} });
      expect(structuredContent).toMatchObject({ run_dir: runDir, next_action: "run_stage baseline train" });
    }
    await clients[0]?.close();
    expect((await clients[1]?.listTools())?.tools.length).toBeGreaterThan(5);
  });

  it("end with DELETE, and an ended or unknown one is answered so that the client starts anew", async () => {
    const { url } = await serve();
    const headers = await rawSession(url);
    const body = message("tools/list", {});
    expect((await send(url, { headers, body })).status).toBe(200);
    expect((await send(url, { method: "DELETE", headers })).status).toBe(200);
    expect((await send(url, { headers, body })).status).toBe(404);
    expect((await send(url, { headers: { "mcp-session-id": "nobody" }, body })).status).toBe(404);
    expect((await send(url, { body })).status).toBe(400);
    expect((await send(url, { method: "GET" })).status).toBe(400);
    expect((await send(url.replace("/mcp", "/"), { body })).status).toBe(404);
  });

  it("give way to new ones only while nobody is connected to them", async () => {
    const { url } = await serve({ mostSessions: 1 });
    const first = await rawSession(url);
    const second = await rawSession(url);
    const body = message("ping", {});
    expect((await send(url, { headers: first, body })).status).toBe(404);
    const open = send(url, { method: "GET", headers: second }, "never");
    expect((await send(url, { headers: second, body })).status).toBe(200);
    expect((await send(url, { body: hello() })).status).toBe(503);
    await opened.pop()?.close();
    expect((await open).status).toBe(200);
  });

  it.each(["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])(
    "speak %s to a client that asks for it, and the newest that is known to one from the future",
    async (version) => {
      const { url } = await serve();
      expect((await send(url, { body: hello(version) })).text).toContain(`"protocolVersion":"${version}"`);
      expect((await send(url, { body: hello("2099-01-01") })).text).toContain('"protocolVersion":"2025-11-25"');
    },
  );
});

describe("bodies", () => {
  const call = (words: string) => message("tools/call", { name: "approve_plan", arguments: { plan_id: "p", words } });

  it("above the usual limit of web frameworks reach the tool, which refuses what is too long", async () => {
    const { url } = await serve();
    const { status, text } = await send(url, { headers: await rawSession(url), body: call("x".repeat(1 << 20)) });
    expect([status, text.includes("input.invalid: ")]).toEqual([200, true]);
    expect(text.length).toBeLessThan(2000);
  });

  it("above 4 MiB are refused, with and without a declared length", async () => {
    const { url } = await serve();
    const headers = await rawSession(url);
    expect((await send(url, { headers, body: call("x".repeat(5 << 20)) })).status).toBe(413);
    const chunked = { ...headers, "transfer-encoding": "chunked" };
    expect((await send(url, { headers: chunked, body: call("x".repeat(5 << 20)) })).status).toBe(413);
  });
});

describe("streams", () => {
  it("carry a question to the human on the stream of the call that asks", async () => {
    const { url } = await serve({}, {}, buildWithFixtures);
    const client = await join(url, { answer: "decline" });
    const result = await client.callTool({ name: "test_elicitation", arguments: { message: "?" } });
    expect(textOf(result)).toContain("action=decline");
  });

  it("that broke in the middle of a call are taken up again, and nothing is lost or said twice", async () => {
    const { url } = await serve({}, {}, buildWithFixtures);
    const headers = await rawSession(url);
    const params = { name: "test_tool_with_progress", _meta: { progressToken: 7 } };
    const body = message("tools/call", params, 2);
    const before = await send(url, { headers, body }, '"progress":0');
    const lastId = [...before.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1];
    const resumed = { ...headers, "last-event-id": String(lastId) };
    const after = await send(url, { method: "GET", headers: resumed }, '"result"');
    expect([...after.text.matchAll(/"progress":(\d+)/g)].map(([, progress]) => progress)).toEqual(["50", "100"]);
    expect(after.text).toContain('"id":2');
    const unknown = { ...headers, "last-event-id": "made-up" };
    expect((await send(url, { method: "GET", headers: unknown })).status).toBe(400);
  });

  it("are kept alive while there is nothing to say", async () => {
    const { url } = await serve({ keepAliveMs: 20 });
    const { text } = await send(url, { method: "GET", headers: await rawSession(url) }, ": keepalive");
    expect(text).toBe(": keepalive\n\n");
  });

  it("end when the server is closed, at once", async () => {
    const service = await serve();
    const headers = await rawSession(service.url);
    const stream = send(service.url, { method: "GET", headers });
    await send(service.url, { headers, body: message("ping", {}) });
    const began = Date.now();
    await service.close();
    opened.pop();
    expect((await stream).status).toBe(200);
    expect(Date.now() - began).toBeLessThan(30_000);
  });
});
