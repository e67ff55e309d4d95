import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Client } from "@modelcontextprotocol/client";
import { connectHere } from "../../../../server/mcp/loopback.ts";
import { membersOf } from "../../../../server/run/record.ts";
import { tools } from "../../../../tools/index.ts";
import { modernClient, revision } from "../../../support/modern-client.ts";
import { type TinyLoop, tinyLoop } from "../../../support/tiny-loop.ts";

let loop: TinyLoop;
let client: Client;
beforeAll(async () => {
  loop = await tinyLoop("created");
  client = await modernClient(loop.deps());
});
afterAll(async () => {
  await client.close();
  await loop.remove();
});

const _meta = {
  "io.modelcontextprotocol/protocolVersion": revision,
  "io.modelcontextprotocol/clientCapabilities": {},
};
type Message = {
  id?: number;
  result?: Record<string, unknown>;
  error?: { code: number; message: string; data?: unknown };
};

/** What messages of a client are answered with, as they lie on the wire. */
async function wire(...messages: object[]): Promise<Message[]> {
  const heard: Message[] = [];
  let done = () => {};
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const options = { version: "0", toolsets: ["deft", "osmo"] as const, log() {} };
  const line = await connectHere(loop.deps(), options, (message) => {
    heard.push(message as Message);
    if (heard.length === messages.filter((one) => "id" in one).length) done();
  });
  for (const message of messages) await line.send(message as never);
  await all;
  await line.close();
  return messages.flatMap((one) => heard.find(({ id }) => id === (one as Message).id) ?? []);
}

describe("without a handshake", () => {
  it("a client discovers what every client is told, and what may be kept for how long", async () => {
    const [told] = await wire({ id: 1, method: "server/discover", params: { _meta } });
    expect(told?.result).toMatchObject({
      resultType: "complete",
      supportedVersions: [revision],
      ttlMs: 3_600_000,
      cacheScope: "public",
      instructions: expect.stringContaining("preflight"),
    });
    const [listed, read] = await wire(
      { id: 1, method: "tools/list", params: { _meta } },
      { id: 2, method: "resources/read", params: { _meta, uri: "deft://runs" } },
    );
    expect(listed?.result).toMatchObject({ resultType: "complete", ttlMs: 3_600_000, cacheScope: "private" });
    expect(listed?.result?.tools).toHaveLength(tools.length);
    // Who we are is said with every answer, pictures of it once.
    const serverInfo = (one: Message | undefined) =>
      membersOf(one?.result?._meta)["io.modelcontextprotocol/serverInfo"];
    expect(serverInfo(told)).toMatchObject({ name: "deft-mcp", icons: expect.anything() });
    expect(serverInfo(listed)).toEqual({ name: "deft-mcp", title: "DEFT AOI loop", version: "0" });
    expect(read?.result).toMatchObject({ resultType: "complete", ttlMs: 0, cacheScope: "private" });
  });

  it("tools, resources, prompts and completions answer as they always do", async () => {
    const status = await client.callTool({ name: "loop_status", arguments: {} });
    expect(status.structuredContent).toMatchObject({ run_dir: loop.runDir });
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toContain(`deft://run/${loop.runDir.split("/").at(-1)}/state`);
    const { contents } = await client.readResource({ uri: "deft://reference/gates" });
    expect(contents[0]).toMatchObject({ mimeType: "text/markdown", text: expect.stringContaining("gate.") });
    const { messages } = await client.getPrompt({ name: "run-deft-loop", arguments: { platform: "docker" } });
    expect(messages[0]?.content).toMatchObject({ text: expect.stringContaining("on platform docker") });
    const ref = { type: "ref/prompt" as const, name: "run-deft-loop" };
    const { completion } = await client.complete({ ref, argument: { name: "platform", value: "emb" } });
    expect(completion.values).toEqual(["embedded"]);
  });

  it("a refusal is text for the model and data for a program", async () => {
    const refused = await client.callTool({ name: "run_stage", arguments: { iteration: "iter9" } });
    expect(refused).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^stage\.out-of-order: [\s\S]*\nNext: /) }],
      _meta: { "io.github.deft-mcp/refusal": { code: "stage.out-of-order", remedy: expect.any(String) } },
    });
    expect(refused.structuredContent).toBeUndefined();
  });

  it("what there is not is an error of the protocol", async () => {
    const [tool, resource, prompt] = await wire(
      { id: 1, method: "tools/call", params: { _meta, name: "none" } },
      { id: 2, method: "resources/read", params: { _meta, uri: "deft://none" } },
      { id: 3, method: "prompts/get", params: { _meta, name: "none" } },
    );
    expect(tool?.error).toEqual({ code: -32602, message: "Unknown tool: none" });
    expect(resource?.error).toMatchObject({ code: -32602, data: { uri: "deft://none" } });
    expect(prompt?.error).toEqual({ code: -32602, message: "Unknown prompt: none" });
  });

  it("a call with arguments as JSON text, or none, is taken as it is meant", async () => {
    const [asText, asNull] = await wire(
      { id: 1, method: "tools/call", params: { _meta, name: "loop_status", arguments: "{}" } },
      { id: 2, method: "tools/call", params: { _meta, name: "loop_status", arguments: null } },
    );
    for (const told of [asText, asNull])
      expect(told?.result).toMatchObject({ structuredContent: { run_dir: loop.runDir } });
  });

  it("a client that only looked around may still begin by a handshake", async () => {
    const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
    const [discovered, begun, listed] = await wire(
      { id: 1, method: "server/discover", params: { _meta } },
      { id: 2, method: "initialize", params: hello },
      { id: 3, method: "tools/list", params: {} },
    );
    expect(discovered?.result).toMatchObject({ supportedVersions: [revision] });
    expect(begun?.result).toMatchObject({ protocolVersion: "2025-11-25" });
    expect(listed?.result?.resultType).toBeUndefined();
    expect(listed?.result?.tools).toHaveLength(tools.length);
  });

  it("a revision that nobody speaks is refused with those that are", async () => {
    const future = { ..._meta, "io.modelcontextprotocol/protocolVersion": "2099-01-01" };
    const [told] = await wire({ id: 1, method: "tools/list", params: { _meta: future } });
    expect(told?.error).toMatchObject({ code: -32022, data: { supported: [revision] } });
  });
});
