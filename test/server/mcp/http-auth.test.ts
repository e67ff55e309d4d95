import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { type HttpOptions, openHttp } from "../../../server/mcp/http.ts";
import { metadataPath } from "../../../server/mcp/http-auth.ts";
import { testDeps } from "../../support/a-run.ts";
import { boardsIn, shortLoop, stateOf } from "../../support/board-run.ts";
import { temporaryFolders } from "../../support/folder.ts";
import { serveJson } from "../../support/json-service.ts";
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

  it("log in by what the server says of itself, and the run says who of them approved it", async () => {
    const home = await newFolder();
    const workspace = await boardsIn(home);
    const env = { DEFT_WORKSPACE: workspace, XDG_STATE_HOME: `${home}/state` };
    const { url } = await serve({ trust: { issuer: provider.issuer } }, env);
    const alice = await logIn(url, provider, "alice");
    const bob = await logIn(url, provider, "bob");
    const runs: string[] = [];
    for (const { client } of [alice, bob]) {
      const planned = await client.callTool({ name: "preflight", arguments: { ...shortLoop, resume: "fresh" } });
      const { plan_id } = planned.structuredContent as { plan_id: string };
      const approved = await client.callTool({ name: "approve_plan", arguments: { plan_id } });
      expect(approved).toMatchObject({ structuredContent: { run_dir: expect.any(String) } });
      runs.push((approved.structuredContent as { run_dir: string }).run_dir);
      await client.callTool({ name: "render_report", arguments: { run: runs.at(-1) } });
    }
    const approvals = await Promise.all(runs.map(async (run) => (await stateOf(run)).approvals[0]));
    const { issuer } = provider;
    expect(approvals.map(({ how, user }) => [how, user])).toEqual([
      ["elicited", { issuer, subject: "alice", name: "alice@plant.example" }],
      ["elicited", { issuer, subject: "bob", name: "bob@plant.example" }],
    ]);
  }, 120_000);

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
  }, 60_000);

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
    const { url } = await serve({ trust: { issuer: origin, audience: "d" }, ratePerMinute: 20 });
    const as = async (sub: string) => ({
      authorization: `Bearer ${await sign({ iss: origin, aud: "d", sub, exp: now() + 60 })}`,
    });
    const [eager, calm] = [await as("eager"), await as("calm")];
    const statuses: number[] = [];
    for (let sent = 0; sent < 4; sent += 1) statuses.push((await post(url, eager, "{}")).status);
    expect(statuses.slice(0, 2)).toEqual([400, 400]);
    const last = await post(url, eager, "{}");
    expect([last.status, Number(last.headers.get("retry-after")) > 0]).toEqual([429, true]);
    expect(await last.text()).toContain("http.rate: ");
    expect((await post(url, calm, "{}")).status).toBe(400);
  });

  it("answers an address that guesses tokens ever more slowly", async () => {
    const { url } = await serve({ token: "a-token-of-24-characters" });
    const statuses: number[] = [];
    for (let sent = 0; sent < 24; sent += 1) {
      statuses.push((await post(url, { authorization: `Bearer guess-${sent}` })).status);
    }
    expect([statuses[0], statuses.at(-1)]).toEqual([401, 429]);
  });
});
