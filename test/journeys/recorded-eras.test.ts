import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { openHttp } from "../../server/mcp/http.ts";
import { testDeps } from "../support/a-run.ts";
import { builtBin, runBuilt } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";
import { modernProcess } from "../support/modern-client.ts";

const folder = temporaryFolders();
const started: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

async function place() {
  const home = await folder();
  const record = join(home, "trace");
  const env = { PATH: process.env.PATH ?? "", HOME: home, XDG_STATE_HOME: join(home, "state"), DEFT_RECORD: record };
  const held = async () => {
    const names = await readdir(record);
    return (await Promise.all(names.map((name) => readFile(join(record, name), "utf8")))).join("");
  };
  return { home, record, env, held };
}

it("a recorded server refuses what no replay can play, says why, and writes none of it down", async () => {
  const { home, env, held } = await place();
  const server = await modernProcess(env, home, {});
  started.push(server);
  for (const method of ["server/discover", "tools/list"]) {
    const { error } = await server.ask(method);
    expect(error).toMatchObject({
      code: -32022,
      message: expect.stringContaining("--record"),
      data: { requested: "2026-07-28", supported: expect.arrayContaining(["2025-11-25"]) },
    });
  }
  expect(await held()).not.toMatch(/discover|tools\/list/);
});

it("a client that knows both eras begins with a handshake there, and what it does replays", async () => {
  const { home, record, env } = await place();
  const client = new Client({ name: "both", version: "1" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [builtBin, "serve"], env, cwd: home }),
  );
  started.push(client);
  expect((await client.listTools()).tools.length).toBeGreaterThan(10);
  await client.close();
  const { exit, stdout, stderr } = runBuilt(["replay", record], { home });
  expect([exit, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining("same")]);
});

it("over HTTP the same message is refused in the same way", async () => {
  const record = () => Promise.reject(new Error("nothing is to be recorded"));
  const address = { host: "127.0.0.1", port: 0, record };
  const options = { version: "0", toolsets: ["deft", "osmo"] as const, log() {}, ...address };
  const service = await openHttp(testDeps({}), options);
  started.push(service);
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "server/discover", params: { _meta } });
  const answer = await fetch(service.url, { method: "POST", headers, body });
  expect([answer.status, await answer.json()]).toMatchObject([400, { id: 7, error: { code: -32022 } }]);
});
