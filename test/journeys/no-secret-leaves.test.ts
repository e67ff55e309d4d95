import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterEach, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { generateWorkspace } from "../../engine/workspace/generate.ts";
import { builtBin, runBuilt } from "../support/built-server.ts";
import { temporaryFolders } from "../support/folder.ts";

const newFolder = temporaryFolders();
let server: ChildProcess | undefined;
afterEach(() => void server?.kill("SIGKILL"));

/** Every secret that the project knows by name, others by their kind, and one that an evaluator might have. */
const names = [
  ...["HF_TOKEN", "NGC_KEY", "NGC_API_KEY", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY"],
  ...["DB_PASSWORD", "EVALUATOR_TOKEN", "OSMO_CREDENTIAL", "CI_JOB_SECRET"],
];
const mark = "canary7f3c";
/** What clients of the server show it; it lies in the file that the operator names, and nowhere else. */
const door = `${mark}-http-token-01`;
const secrets = Object.fromEntries(names.map((name) => [name, `${mark}-${name.toLowerCase()}-0a1b2c`]));
/** Shapes that are known without any variable. */
const shaped = ["hf_Qz9CanaryCanary1", "nvapi-canary7f3c-shape-0001", "ghp_canary7f3cCanary00"];

/** Everything below a folder, and what lies packed in traces, as one text. */
async function everythingUnder(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if (!(await stat(path).catch(() => undefined))?.isFile()) continue;
    const text = await readFile(path, "latin1");
    const texts = [name, text];
    for (const [, packed = ""] of text.matchAll(/"encoding":"gzip","content":"([^"]+)"/g)) {
      texts.push(gunzipSync(Buffer.from(packed, "base64")).toString("latin1"));
    }
    found[name] = texts.join("\n");
  }
  return found;
}

/** What a job prints goes to a log of its own; the keeper's is the server's. */
const isJobLog = (name: string) => name.endsWith(".log") && !name.endsWith("keeper.log");

/** Arguments of every process of this machine; the server's children are among them. */
async function argumentsNow(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
}

async function serve(home: string, record: string, wire: string[]): Promise<string> {
  const env = { PATH: process.env.PATH ?? "", HOME: home, XDG_STATE_HOME: join(home, "state"), ...secrets };
  const tokenFile = join(home, "token");
  await writeFile(tokenFile, door, { mode: 0o600 });
  const argv = [builtBin, "serve", "--http", "0", "--token-file", tokenFile, "--record", record];
  const started = spawn(process.execPath, argv, { cwd: home, env });
  server = started;
  started.stdout.on("data", (piece) => wire.push(String(piece)));
  return await new Promise((resolve) => {
    started.stderr.on("data", (piece) => {
      wire.push(String(piece));
      const url = /http:\S+/.exec(wire.join(""))?.[0];
      if (url !== undefined) resolve(url);
    });
  });
}

/** A client that keeps every byte that the server sends: headers and bodies, streams among them. */
async function meet(url: string, wire: string[]) {
  const client = new Client({ name: "t", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { approve: true } }));
  const requestInit = { headers: { authorization: `Bearer ${door}` } };
  const listening = async (input: string | URL, init?: RequestInit) => {
    const answer = await fetch(input, init);
    wire.push(JSON.stringify([...answer.headers]));
    const copy = answer.clone();
    void copy.body
      ?.pipeTo(new WritableStream({ write: (piece) => void wire.push(Buffer.from(piece).toString("utf8")) }))
      .catch(() => undefined);
    return answer;
  };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch: listening, requestInit }) as Transport);
  const call = async (name: string, args: Record<string, unknown>) => {
    const { structuredContent } = await client.callTool({ name, arguments: args }, undefined, {
      onprogress: () => undefined,
      timeout: 120_000,
    });
    return (structuredContent ?? {}) as Record<string, string>;
  };
  return { client, call, close: () => client.close() };
}

it("no secret of the environment, nor one that a job prints, is in any byte that is written or sent", async () => {
  const home = await newFolder();
  const workspace = join(home, "boards");
  const record = join(home, "trace");
  await generateWorkspace(workspace, { seed: 5, size: "tiny" });
  const wire: string[] = [];
  const told = [...Object.values(secrets), ...shaped];
  const url = await serve(home, record, wire);
  const one = await meet(url, wire);
  const asked = { platform: "embedded", max_iterations: 1, kpi_target: "FAR < 1% at recall=100%", workspace };
  const { plan_id } = await one.call("preflight", asked);
  const { run_dir: run = "" } = await one.call("approve_plan", { plan_id });
  const seen: string[] = [];
  const training = one.call("run_stage", { run, wait_seconds: 60 });
  // While the job runs its log gets what a careless program prints, and the arguments of its processes are looked at.
  for (let spoken = false, ended = false; !ended; ) {
    seen.push(...(await argumentsNow()));
    const logs = (await readdir(run, { recursive: true })).filter(isJobLog);
    if (!spoken && logs.length > 0) {
      spoken = true;
      for (const log of logs)
        await appendFile(join(run, log), `login ${told.join("\nkey=")}\nAuthorization: Bearer x\n`);
    }
    ended = await Promise.race([training.then(() => true), sleep(25).then(() => false)]);
  }
  await one.call("log_stage", {
    ...{ run, iteration: "baseline", stage: "evaluate", status: "error" },
    summary: `failed with ${told.join(" ")}`,
  });
  await one.call("loop_status", { run });
  await one.call("render_report", { run });
  await one.call("validate_csv", { csv: `${secrets.HF_TOKEN}.csv`, workspace });
  for (const { uri } of (await one.client.listResources()).resources) await one.client.readResource({ uri });
  await one.close();
  server?.kill("SIGTERM");
  if (server !== undefined) await once(server, "exit");

  const env = { ...secrets };
  const commands = [
    ["status", run],
    ["status", run, "--json"],
    ["report", run],
    ["trace", "show", record],
  ];
  commands.push(["doctor", "--workspace", workspace], ["validate", secrets.NGC_KEY ?? "", "--workspace", workspace]);
  const printed = commands.map((argv) => runBuilt(argv, { home, env })).map(({ stdout, stderr }) => stdout + stderr);

  expect(seen.some((line) => line.includes("engine"))).toBe(true);
  const places = { wire: wire.join(""), printed: printed.join("\n"), arguments: seen.join("\n") };
  await rm(join(home, "token"));
  const written = await everythingUnder(home);
  expect(places.wire.length).toBeGreaterThan(5000);
  expect(Object.values(written).join("\n")).toContain("[redacted]");
  for (const [place, text] of Object.entries({ ...places, ...written })) {
    expect([place, [...told, door].filter((secret) => text.includes(secret))]).toEqual([place, []]);
    expect([place, text.includes(mark)]).toEqual([place, false]);
  }
});
