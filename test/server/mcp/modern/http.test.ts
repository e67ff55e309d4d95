import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type HttpService, openHttp } from "../../../../server/mcp/http.ts";
import { newModernClient, revision } from "../../../support/modern-client.ts";
import { type TinyLoop, tinyLoop, tinyRequest } from "../../../support/tiny-loop.ts";

const token = "a-token-of-24-characters";
let loop: TinyLoop;
let service: HttpService;
const clients: Client[] = [];
beforeAll(async () => {
  loop = await tinyLoop("created");
});
beforeEach(async () => {
  await loop.backTo("planned");
  const options = { version: "0", toolsets: ["deft", "osmo"] as const, log() {}, host: "127.0.0.1", port: 0, token };
  service = await openHttp(loop.deps(), options);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await service.close();
});
afterAll(() => loop.remove());

async function enter(options: Parameters<typeof newModernClient>[0] = {}): Promise<Client> {
  const client = newModernClient(options);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(service.url), { requestInit }));
  clients.push(client);
  return client;
}

const _meta = {
  "io.modelcontextprotocol/protocolVersion": revision,
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** One request of the era without a handshake, sent by hand. */
async function post(body: object, headers: Record<string, string> = {}) {
  const response = await fetch(service.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
      "mcp-protocol-version": revision,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...body }),
  });
  return { status: response.status, session: response.headers.get("mcp-session-id"), text: await response.text() };
}

describe("HTTP without a session", () => {
  it("a human's yes comes by a round trip of two requests", async () => {
    const client = await enter({ answer: () => ({ action: "accept", content: { approve: true } }) });
    const approved = await client.callTool({ name: "approve_plan", arguments: { plan_id: loop.planId } });
    expect(approved.structuredContent).toMatchObject({ approved: "elicited" });
  });

  it("words answer what the same program was shown before", async () => {
    const client = await enter();
    const args = { plan_id: loop.planId, words: "yes" };
    const unseen = await client.callTool({ name: "approve_plan", arguments: args });
    expect(unseen).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^approval\.required: /) }],
    });
    const approved = await client.callTool({ name: "approve_plan", arguments: args });
    expect(approved.structuredContent).toMatchObject({ approved: "relayed" });
  });

  it("no session is given, and the same door is passed", async () => {
    const list = { method: "tools/list", params: { _meta } };
    expect(await post(list, { "mcp-method": "tools/list" })).toMatchObject({ status: 200, session: null });
    expect((await post(list, { authorization: "Bearer another" })).status).toBe(401);
    expect((await post(list, { origin: "https://evil.example" })).status).toBe(403);
  });

  it("a header that says otherwise than its body is refused", async () => {
    const { status, text } = await post({ method: "tools/list", params: { _meta } }, { "mcp-method": "tools/call" });
    expect([status, JSON.parse(text).error.code]).toEqual([400, -32020]);
  });

  it("progress of a call comes before its result, on the same stream", async () => {
    const client = await enter();
    const heard: unknown[] = [];
    const planned = await client.callTool(
      { name: "preflight", arguments: tinyRequest },
      { onprogress: (progress) => heard.push(progress.message) },
    );
    expect(planned.structuredContent).toMatchObject({ ok: true });
    expect(heard.length).toBeGreaterThan(0);
  });

  it("who listens to a run hears of its changes", async () => {
    await loop.backTo("created");
    const client = await enter();
    const uri = `deft://run/${loop.runDir.split("/").at(-1)}/log`;
    const told = new Promise<string>((resolve) => {
      client.setNotificationHandler("notifications/resources/updated", ({ params }) => resolve(params.uri));
    });
    const subscription = await client.listen({ resourceSubscriptions: [uri] });
    await appendFile(join(loop.runDir, "loop_log.jsonl"), "\n");
    expect(await told).toBe(uri);
    await subscription.close();
  });
});
