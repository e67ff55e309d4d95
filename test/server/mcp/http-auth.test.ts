import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { StreamableHTTPClientTransport as ModernHttpTransport } from "@modelcontextprotocol/client";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { type HttpOptions, openHttp } from "../../../server/mcp/http.ts";
import { metadataPath } from "../../../server/mcp/http-auth.ts";
import type { Approval } from "../../../server/run/state.ts";
import { testDeps } from "../../support/a-run.ts";
import { boardsIn, shortLoop, stateOf } from "../../support/board-run.ts";
import { builtBin } from "../../support/built-server.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { serveJson } from "../../support/json-service.ts";
import { newModernClient } from "../../support/modern-client.ts";
import { type OpenId, openId, visitor } from "../../support/open-id.ts";
import { refusalOf } from "../../support/refusal.ts";

const newFolder = temporaryFolders();
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function serve(change: Partial<HttpOptions>, env: Record<string, string> = {}) {
  const options: HttpOptions = { version: "0", toolsets: ["deft"], log() {}, host: "127.0.0.1", port: 0, ...change };
  const service = await openHttp(testDeps({ env }), options);
  opened.push(service);
  return service;
}

/** The built server as a team starts it; its URL once it listens. */
async function startBuilt(options: string[], home: string, workspace: string): Promise<{ url: string }> {
  const env = { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: join(home, "state"), DEFT_WORKSPACE: workspace };
  const child = spawn(process.execPath, [builtBin, "serve", "--http", "0", ...options], { env });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  opened.push({
    async close() {
      child.kill("SIGTERM");
      await ended;
    },
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      said += chunk;
      const [, found] = /MCP on (\S+)\n/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    void ended.then(() => reject(new Error(`the server ended: ${said}`)));
  });
  return { url };
}

const hello = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
});

function post(url: string, headers: Record<string, string> = {}, body = hello): Promise<Response> {
  const accept = "application/json, text/event-stream";
  return fetch(url, { method: "POST", headers: { accept, "content-type": "application/json", ...headers }, body });
}

/** The protocol's own client finds the provider by what we answer, registers, logs in and comes back. */
async function logIn(url: string, provider: OpenId, account: string) {
  const auth = visitor();
  const newClient = () => {
    const client = new Client({ name: account, version: "1" }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { approve: true } }));
    return client;
  };
  const first = new StreamableHTTPClientTransport(new URL(url), { authProvider: auth });
  await expect(newClient().connect(first as Transport)).rejects.toBeInstanceOf(UnauthorizedError);
  await first.finishAuth(await provider.authorize(auth.asked as URL, account));
  const client = newClient();
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: auth }) as Transport);
  opened.push(client);
  return { client, token: String(auth.kept?.access_token) };
}

describe("users of an OpenID provider", () => {
  let provider: OpenId;
  beforeAll(async () => {
    provider = await openId();
  });
  afterAll(() => provider.close());

  it("log in by what the server says of itself, and run and report say who of them approved it", async () => {
    const home = await newFolder();
    const workspace = await boardsIn(home);
    const { url } = await startBuilt(["--issuer", provider.issuer], home, workspace);
    const { issuer } = provider;
    for (const [name, max_iterations] of [
      ["alice", 1],
      ["bob", 2],
    ] as const) {
      const { client } = await logIn(url, provider, name);
      const call = async (tool: string, args: Record<string, unknown>) => {
        const { structuredContent } = await client.callTool({ name: tool, arguments: args });
        return structuredContent as Record<string, string>;
      };
      const { plan_id } = await call("preflight", { ...shortLoop, max_iterations, resume: "fresh" });
      const { run_dir = "" } = await call("approve_plan", { plan_id });
      const [approval] = (await stateOf(run_dir)).approvals;
      const user = { issuer, subject: name, name: `${name}@plant.example` };
      expect(approval).toMatchObject({ how: "elicited", user });
      await call("render_report", { run: run_dir });
      expect(await readFile(join(run_dir, "DEFT_Loop_Report.html"), "utf8")).toContain(`${name}@plant.example`);
    }
  });

  it("who say yes to the same plan without a session are each noted with the run, and each once", async () => {
    const home = await newFolder();
    const workspace = await boardsIn(home);
    const { url } = await startBuilt(["--issuer", provider.issuer], home, workspace);
    const tokens: Record<string, string> = {};
    for (const name of ["alice", "bob"]) tokens[name] = (await logIn(url, provider, name)).token;
    const runs: string[] = [];
    for (const name of ["alice", "bob", "bob"]) {
      const client = newModernClient({ answer: () => ({ action: "accept", content: { approve: true } }) });
      const requestInit = { headers: { authorization: `Bearer ${tokens[name]}` } };
      await client.connect(new ModernHttpTransport(new URL(url), { requestInit }));
      opened.push(client);
      const planned = await client.callTool({
        name: "preflight",
        arguments: { ...shortLoop, resume: "fresh" },
      });
      const { plan_id } = planned.structuredContent as { plan_id: string };
      const approved = await client.callTool({ name: "approve_plan", arguments: { plan_id } });
      expect(approved.structuredContent ?? approved).toHaveProperty("run_dir");
      runs.push((approved.structuredContent as { run_dir: string }).run_dir);
    }
    expect(new Set(runs).size).toBe(1);
    const { approvals } = await stateOf(String(runs[0]));
    expect(approvals.map(({ how, user }: Approval) => [how, user?.subject])).toEqual([
      ["elicited", "alice"],
      ["elicited", "bob"],
    ]);
  });

  it("cannot go on with each other's sessions, nor with tokens for another server", async () => {
    const { url } = await serve({ trust: { issuer: provider.issuer } });
    const [alice, bob] = [await logIn(url, provider, "alice"), await logIn(url, provider, "bob")];
    const session = (await post(url, { authorization: `Bearer ${alice.token}` })).headers.get("mcp-session-id") ?? "";
    const ping = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "ping" });
    const statuses = [];
    for (const token of [alice.token, bob.token]) {
      const headers = { authorization: `Bearer ${token}`, "mcp-session-id": session };
      statuses.push((await post(url, headers, ping)).status);
    }
    expect(statuses).toEqual([200, 404]);
    const other = await serve({ trust: { issuer: provider.issuer } });
    const refused = await post(other.url, { authorization: `Bearer ${alice.token}` });
    expect([refused.status, await refused.text()]).toEqual([401, expect.stringContaining('unexpected \\"aud\\"')]);
  });

  it("are told apart from whoever carries the shared token", async () => {
    const token = "a-token-of-24-characters";
    const { url } = await serve({ trust: { issuer: provider.issuer }, token });
    expect((await post(url, { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await post(url, { authorization: "Bearer another-one" })).status).toBe(401);
  });
});

describe("a server with an issuer", () => {
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  beforeAll(async () => {
    keys = await generateKeyPair("ES256", { extractable: true });
  });

  /** An issuer of the test's own, which signs what no honest one would. */
  async function ownIssuer(told: Record<string, unknown> = {}) {
    const service = await serveJson(async (path, origin) => {
      if (path === "/keys") return { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k", alg: "ES256" }] };
      return path === "/.well-known/openid-configuration"
        ? { issuer: origin, jwks_uri: `${origin}/keys`, ...told }
        : undefined;
    });
    opened.push(service);
    return service;
  }

  const sign = (claims: Record<string, unknown>, key = keys.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "k" }).sign(key);
  const now = () => Math.floor(Date.now() / 1000);

  it("says where tokens come from, to who has none yet", async () => {
    const { origin } = await ownIssuer();
    const resource = "https://deft.plant.example/mcp";
    const { url } = await serve({ trust: { issuer: origin }, resource });
    const answer = await post(url);
    const where = `https://deft.plant.example${metadataPath}/mcp`;
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
      401,
      `Bearer realm="deft-mcp", resource_metadata="${where}"`,
    ]);
    const told = await fetch(new URL(`${metadataPath}/mcp`, url));
    expect(await told.json()).toMatchObject({ resource, authorization_servers: [origin] });
  });

  it("lets in who has a good token, and nobody whose token is forged, old, unnamed, endless or unsigned", async () => {
    const { origin } = await ownIssuer();
    const { url } = await serve({ trust: { issuer: origin, audience: "api://deft" } });
    const good = { iss: origin, aud: "api://deft", sub: "a", exp: now() + 60 };
    const { sub: _sub, ...nobody } = good;
    const { exp: _exp, ...endless } = good;
    const forger = await generateKeyPair("ES256");
    const unsigned = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify(good))}.`.replaceAll("=", "");
    const shared = await new SignJWT(good).setProtectedHeader({ alg: "HS256" }).sign(new Uint8Array(32));
    expect((await post(url, { authorization: `Bearer ${await sign(good)}` })).status).toBe(200);
    for (const bad of [
      await sign(good, forger.privateKey),
      await sign({ ...good, exp: now() - 60 }),
      await sign({ ...good, nbf: now() + 600 }),
      await sign({ ...good, iss: "https://other.example" }),
      await sign({ ...good, aud: "api://other" }),
      await sign(nobody),
      await sign(endless),
      unsigned,
      shared,
      "not.a.token",
    ]) {
      const answer = await post(url, { authorization: `Bearer ${bad}` });
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
        401,
        expect.stringContaining('error="invalid_token"'),
      ]);
      expect(await answer.text()).not.toContain(bad);
    }
  });

  it.each([
    ["names another", { issuer: "https://other.example" }],
    ["has its keys in the clear elsewhere", { jwks_uri: "http://other.example/keys" }],
  ])("does not start with one that %s", async (_name, told) => {
    const { origin } = await ownIssuer(told);
    expect((await refusalOf(() => serve({ trust: { issuer: origin } }))).code).toBe("http.issuer");
  });

  it.each(["http://issuer.example", "no url", "http://127.0.0.1:9"])("does not start with %s", async (issuer) => {
    expect((await refusalOf(() => serve({ trust: { issuer } }))).code).toBe("http.issuer");
  });

  it("asks one user to wait who sends too much, and goes on with the others", async () => {
    const { origin } = await ownIssuer();
    const { url } = await serve({ trust: { issuer: origin, audience: "d" }, ratePerMinute: 1 });
    const as = async (sub: string) => ({
      authorization: `Bearer ${await sign({ iss: origin, aud: "d", sub, exp: now() + 60 })}`,
    });
    const [eager, calm] = [await as("eager"), await as("calm")];
    expect((await post(url, eager, "{}")).status).toBe(400);
    const last = await post(url, eager, "{}");
    expect([last.status, Number(last.headers.get("retry-after")) > 0]).toEqual([429, true]);
    expect(await last.text()).toContain("http.rate: ");
    expect((await post(url, calm, "{}")).status).toBe(400);
  });

  it("lets no address guess tokens as fast as it likes", async () => {
    const { url } = await serve({ token: "a-token-of-24-characters", ratePerMinute: 10 });
    const guess = async (token: string) => (await post(url, { authorization: `Bearer ${token}` })).status;
    expect([await guess("one"), await guess("another")]).toEqual([401, 429]);
    expect(await guess("a-token-of-24-characters")).toBe(200);
  });
});
