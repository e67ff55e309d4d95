import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type RefusalCode, refusals } from "../../server/errors.ts";
import { lastCommit } from "../../server/loop/running/advance.ts";
import type { LogEntry } from "../../server/run/state.ts";
import { tools } from "../../tools/index.ts";
import { aRun, aState, testDeps } from "../support/a-run.ts";
import { engineHere } from "../support/engine-here.ts";
import { temporaryFolders } from "../support/folder.ts";
import { type TinyLoop, tinyLoop, tinyRequest } from "../support/tiny-loop.ts";
import { type ToolClient, toolClient } from "../support/tool-client.ts";

const newFolder = temporaryFolders();
const codes = Object.keys(refusals) as RefusalCode[];

describe("a remedy", () => {
  /** Words of a remedy that look like a tool or an argument and are files, keys or variables. */
  const others =
    /^(deft_state|defect_spec|cad_mask|spatial_dependency|automl_policy|difference_module|object_name|input_path|golden_path|siamese_score|checkpoint_interval|validation_interval|val_loss|image_edit_endpoint|image_ext|concat_type)$/;
  const known = new Set(tools.flatMap((tool) => [tool.name, ...Object.keys(tool.input.shape)]));

  it.each(codes)("of %s names tools and arguments that exist", (code) => {
    const words = refusals[code].remedy.match(/(?<![\w./])[a-z]+(?:_[a-z]+)+(?![\w./])/g) ?? [];
    expect(words.filter((word) => !known.has(word) && !others.test(word))).toEqual([]);
  });

  it.each(codes)("of %s is no refusal of its own tool", (code) => {
    const { remedy, hardStop } = refusals[code];
    // Only a plan is approved with approve_plan; and what ends a run is never cured by running on.
    if (/approve_plan/.test(remedy)) expect(code).toMatch(/^approval\./);
    if (hardStop) expect(remedy).not.toMatch(/call run_stage/i);
  });
});

describe("a run that stopped", () => {
  const stopped = () => testDeps({ executors: { embedded: async () => engineHere() } });
  const stops = codes.filter((code) => refusals[code].hardStop);

  it.each(stops)("with %s goes on after acknowledge_stop, as loop_status says", async (code) => {
    const at = { iteration: "baseline", stage: "train", at: "2026-11-21T10:00:00+00:00" };
    const run = await aRun(await newFolder(), {
      status: "failed",
      hard_stop: { code, message: "m", facts: {}, ...at },
    });
    const client = await toolClient(stopped());
    expect(await client.call("run_stage", { run })).toMatchObject({ ok: false, code: "state.hard-stopped" });
    const status = await client.result("loop_status", { run });
    expect(status.ways_out).toHaveLength(2);
    const next = status.next_call as { tool: string; arguments: Record<string, unknown> };
    expect(next.tool).toBe("acknowledge_stop");
    const done = await client.result(next.tool, { ...next.arguments, words: "yes, repaired" });
    expect(done.next_call).toEqual({ tool: "run_stage", arguments: { run } });
    await client.close();
  });

  it("can be given up, as loop_status says", async () => {
    const at = { iteration: "baseline", stage: "train", at: "2026-11-21T10:00:00+00:00" };
    const hard_stop = { code: "job.gpu-memory", message: "m", facts: {}, ...at };
    const run = await aRun(await newFolder(), { status: "failed", hard_stop });
    const client = await toolClient(stopped());
    expect(await client.result("finish_loop", { run })).toMatchObject({ stop_reason: "hard_stop:job.gpu-memory" });
    await client.close();
  });

  it("and was accepted as it is measures its evidence from before the stop's own entry", () => {
    const entry = (seq: number, stage: string, status: "ok" | "error", ts: string): LogEntry => ({
      ...{ seq, ts, iter: "iter1", stage, status, summary: "", duration_sec: 300, context_tokens: 0 },
    });
    const entries = [
      entry(1, "routing", "ok", "2026-11-21T10:00:00Z"),
      entry(2, "anomalygen", "error", "2026-11-21T10:05:00Z"),
    ];
    const at = { iteration: "iter1", stage: "anomalygen" };
    const since = (accept: boolean) => {
      const note = { code: "gate.allocation-mismatch", at: "2026-11-21T10:06:00Z", how: "elicited", accept, ...at };
      return lastCommit({ entries, state: aState("/w/results/run", { acknowledgements: [note] }) } as never, at);
    };
    expect(since(true)).toBe("2026-11-21T10:00:00Z");
    expect(since(false)).toBe("2026-11-21T10:05:00Z");
  });
});

const kpi = "kpi/testing_set.csv";
const spec = "specs/baseline_spec.yaml";
const firstPass = (text: string) => text.split("\n").find((line) => line.includes(",PASS,")) ?? "";

/** What provokes a code, the call that its remedy asks for, and what that call must lead to. */
type Way = {
  readonly point: string;
  readonly code: string;
  readonly provoke: (client: ToolClient) => Promise<{ ok: boolean; text: string; code?: string }>;
  readonly follow: (client: ToolClient, said: string) => Promise<Record<string, unknown>>;
  readonly leads: Record<string, unknown>;
};

let loop: TinyLoop;
beforeAll(async () => {
  loop = await tinyLoop();
}, 600_000);
afterAll(() => loop.remove());

const run = () => ({ run: loop.runDir });
const ended = "iter2-evaluate";
// biome-ignore lint/suspicious/noExplicitAny: facts have a shape of their own for each code
const facts = (said: string) => JSON.parse(/```json\n(.*)\n```/.exec(said)?.[1] ?? "{}") as Record<string, any>;
const planned = (client: ToolClient, change: object = {}) =>
  client.result("preflight", { ...tinyRequest, seed: 3, ...change });

/** A plan at a server whose approvals are signed, by alice alone. */
async function signing<T>(work: (client: ToolClient, planId: string) => Promise<T>): Promise<T> {
  const keys = join(loop.home, "keys");
  await mkdir(keys, { recursive: true });
  for (const name of ["alice", "mallory"]) {
    const key = join(keys, name);
    if (!existsSync(key)) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key]);
  }
  const key = await readFile(join(keys, "alice.pub"), "utf8");
  await writeFile(join(keys, "approvers"), `alice@plant namespaces="deft-mcp" ${key}`);
  const env = { PATH: process.env.PATH ?? "", DEFT_APPROVERS: join(keys, "approvers") };
  const client = await toolClient(loop.deps(env));
  try {
    return await work(client, String((await planned(client)).plan_id));
  } finally {
    await client.close();
  }
}

/** The signature that the command in the facts makes. */
function signed(said: string, name: string): string {
  const command = String(facts(said).sign_command).replace("-f KEY", `-f ${join(loop.home, "keys", name)}`);
  return execFileSync("sh", ["-c", command], { stdio: "pipe" }).toString();
}

const ways: readonly Way[] = [
  {
    point: "created",
    code: "input.unknown-field",
    provoke: (client) => client.call("loop_status", { runn: loop.runDir }),
    follow: (client, said) => client.result("loop_status", { [String(facts(said).nearest)]: loop.runDir }),
    leads: { next_action: "run_stage baseline train" },
  },
  {
    point: "created",
    code: "input.no-run",
    provoke: (client) => client.call("loop_status", { run: "run_19990101_000000" }),
    follow: (client, said) => client.result("loop_status", { run: facts(said).candidates[0] }),
    leads: { next_action: "run_stage baseline train" },
  },
  {
    point: "created",
    code: "metric.unparsable-target",
    provoke: (client) => client.call("preflight", { ...tinyRequest, kpi_target: "FAR 0.5" }),
    follow: (client, said) => planned(client, { kpi_target: facts(said).examples[0] }),
    leads: { ok: true },
  },
  {
    point: "created",
    code: "approval.words-missing",
    provoke: async (client) =>
      client.call("approve_plan", { plan_id: (await planned(client)).plan_id, words: "ok, but make it 3 iterations" }),
    follow: async (client, said) => {
      const changed = await planned(client, facts(said).pass_to_preflight);
      return await client.result("approve_plan", { plan_id: changed.plan_id, words: "yes" });
    },
    leads: { approved: "relayed" },
  },
  {
    point: "created",
    code: "approval.declined",
    provoke: async (client) => client.call("approve_plan", { plan_id: (await planned(client)).plan_id, words: "no" }),
    follow: (client) => planned(client, { max_iterations: 1 }),
    leads: { ok: true },
  },
  {
    point: "created",
    code: "approval.required",
    async provoke(client) {
      const { plan_id } = await planned(client);
      const later = await toolClient(loop.deps());
      const answer = await later.call("approve_plan", { plan_id, words: "yes" });
      expect(String(facts(answer.text).summary)).toContain(String(plan_id));
      await later.close();
      return answer;
    },
    async follow() {
      const later = await toolClient(loop.deps());
      const { plan_id } = await planned(later);
      const approved = await later.result("approve_plan", { plan_id, words: "yes" });
      await later.close();
      return approved;
    },
    leads: { approved: "relayed" },
  },
  {
    point: "created",
    code: "approval.signature-missing",
    provoke: () => signing((client, plan_id) => client.call("approve_plan", { plan_id, words: "yes" })),
    follow: (_client, said) =>
      signing((client, plan_id) => client.result("approve_plan", { plan_id, words: signed(said, "alice") })),
    leads: { approved: "signed" },
  },
  {
    point: "created",
    code: "approval.signature-invalid",
    provoke: () =>
      signing(async (client, plan_id) => {
        const { text } = await client.call("approve_plan", { plan_id });
        return await client.call("approve_plan", { plan_id, words: signed(text, "mallory") });
      }),
    follow: (_client, said) =>
      signing((client, plan_id) => client.result("approve_plan", { plan_id, words: signed(said, "alice") })),
    leads: { approved: "signed" },
  },
  {
    point: "created",
    code: "approval.plan-unknown",
    provoke: (client) => client.call("approve_plan", { plan_id: "0".repeat(12), words: "yes" }),
    follow: (client) => planned(client),
    leads: { ok: true },
  },
  {
    point: "created",
    code: "approval.unchangeable",
    provoke: (client) => client.call("preflight", { ...run(), seed: 9 }),
    follow: (client, said) => client.result("preflight", { ...run(), [facts(said).changeable[0]]: 3 }),
    leads: { ok: true },
  },
  {
    point: "created",
    code: "stage.out-of-order",
    provoke: (client) => client.call("finish_loop", run()),
    follow: (client) => client.result("run_stage", { ...run(), wait_seconds: 100 }),
    leads: { outcome: "committed", stage: "train" },
  },
  {
    point: "created",
    code: "stage.not-running",
    provoke: (client) => client.call("cancel_stage", { ...run(), words: "yes" }),
    follow: (client) => client.result("loop_status", run()),
    leads: { next_call: { tool: "run_stage", arguments: expect.anything() } },
  },
  {
    point: "created",
    code: "input.invalid",
    provoke: (client) => client.call("run_stage", { ...run(), wait_seconds: -1 }),
    follow: (client) => client.result("run_stage", { ...run(), wait_seconds: 100 }),
    leads: { outcome: "committed" },
  },
  {
    point: "created",
    code: "input.no-workspace",
    async provoke() {
      const lost = await toolClient({ ...loop.deps({ DEFT_WORKSPACE: "" }), cwd: loop.home });
      const answer = await lost.call("preflight", tinyRequest);
      await lost.close();
      return answer;
    },
    follow: (client) => client.result("preflight", { ...tinyRequest, workspace: loop.workspace }),
    leads: { ok: true },
  },
  {
    point: "created",
    code: "input.run-ambiguous",
    async provoke(client) {
      await client.result("approve_plan", { plan_id: (await planned(client)).plan_id, words: "yes" });
      const other = await toolClient(loop.deps());
      const answer = await other.call("run_stage", {});
      await other.close();
      return answer;
    },
    follow: (client, said) => client.result("loop_status", { run: facts(said).candidates[0].run }),
    leads: { next_action: "run_stage baseline train" },
  },
  {
    point: "created",
    code: "gate.path-outside-workspace",
    provoke: (client) => client.call("validate_csv", { csv: "/etc/hostname", workspace: loop.workspace }),
    follow: (client) => client.result("validate_csv", { csv: "kpi/testing_set.csv", workspace: loop.workspace }),
    leads: { ok: true },
  },
  {
    point: "created",
    code: "approval.plan-changed",
    async provoke(client) {
      const { plan_id } = await planned(client);
      await appendFile(join(loop.workspace, "specs", "baseline_spec.yaml"), "\n# looked at again\n");
      return await client.call("approve_plan", { plan_id, words: "yes" });
    },
    async follow(client) {
      return await client.result("approve_plan", { plan_id: (await planned(client)).plan_id, words: "yes" });
    },
    leads: { approved: "relayed" },
  },
  {
    point: "baseline-train",
    code: "state.corrupt",
    async provoke(client) {
      await copyFile(join(loop.runDir, "deft_state.json"), join(loop.home, "backup.json"));
      await writeFile(join(loop.runDir, "deft_state.json"), "{");
      return await client.call("run_stage", run());
    },
    async follow(client) {
      await copyFile(join(loop.home, "backup.json"), join(loop.runDir, "deft_state.json"));
      return await client.result("run_stage", { ...run(), wait_seconds: 100 });
    },
    leads: { outcome: "committed", stage: "evaluate" },
  },
  {
    // What the published commit_stage.py makes of a run that it commits to (tao-stages 5.2).
    point: "baseline-evaluate",
    code: "state.foreign-version",
    async provoke(client) {
      const path = join(loop.runDir, "deft_state.json");
      const state = JSON.parse(await readFile(path, "utf8"));
      const event = { seq: 1, iter: "baseline", stage: "rca", status: "ok", summary: "by hand", duration_sec: 1 };
      await writeFile(path, JSON.stringify({ ...state, version: 4, events: [event] }));
      return await client.call("run_stage", run());
    },
    async follow(client) {
      const { plan_id } = await client.result("preflight", { adopt_run: loop.runDir, platform: "embedded" });
      return await client.result("approve_plan", { plan_id, words: "yes" });
    },
    leads: { next_action: "run_stage baseline evaluate" },
  },
  {
    point: "baseline-train",
    code: "approval.required",
    async provoke(client) {
      await client.result("preflight", { ...run(), max_iterations: 3, top_k: 7 });
      return await client.call("run_stage", run());
    },
    async follow(client, said) {
      return await client.result("approve_plan", { plan_id: facts(said).revised_plan_id, words: "yes" });
    },
    leads: { next_action: "run_stage baseline evaluate" },
  },
  {
    point: "baseline-train",
    code: "state.tampered",
    async provoke(client) {
      await appendFile(join(loop.workspace, "kpi", "testing_set.csv"), "\n");
      return await client.call("run_stage", run());
    },
    async follow(client) {
      const status = await client.result("loop_status", run());
      expect(status.next_call).toMatchObject({ tool: "acknowledge_stop" });
      return await client.result("acknowledge_stop", { ...run(), words: "yes, I changed it" });
    },
    leads: { next_action: "run_stage baseline evaluate" },
  },
  {
    point: ended,
    code: "approval.no-effect",
    provoke: (client) => client.call("preflight", { ...run(), num_epochs: 3 }),
    follow: async (client, said) => {
      const change = { num_epochs: 3, max_iterations: facts(said).least_max_iterations };
      const { plan_id } = await client.result("preflight", { ...run(), ...change });
      return await client.result("approve_plan", { plan_id, words: "yes" });
    },
    leads: { next_action: "run_stage iter2 rca" },
  },
  {
    point: ended,
    code: "stage.out-of-order",
    provoke: (client) => client.call("run_stage", run()),
    follow: (client) => client.result("finish_loop", run()),
    leads: { stop_reason: "max_iterations" },
  },
  {
    point: "finished",
    code: "state.finished",
    provoke: (client) => client.call("run_stage", run()),
    follow: async (client) => {
      const planned = await client.result("preflight", {
        adopt_run: loop.runDir,
        platform: "embedded",
        resume: "fresh",
      });
      return await client.result("approve_plan", { plan_id: planned.plan_id, words: "yes" });
    },
    leads: { next_action: "run_stage baseline evaluate" },
  },
];

describe("the next step of a refusal", () => {
  it.each(ways.map((way) => [way.code, way.point, way] as const))("%s, at %s, leads on", async (_code, _point, way) => {
    await loop.backTo(way.point);
    const client = await toolClient(loop.deps());
    const refused = await way.provoke(client);
    expect(refused).toMatchObject({ ok: false, code: way.code });
    expect(refused.text).toMatch(/\nNext: \S/);
    expect(await way.follow(client, refused.text)).toMatchObject(way.leads);
    await client.close();
  });
});

/** What stops a plan, where, and how that is spoiled; `mended` is the file as the finding's next step asks for it. */
const findings: readonly [code: string, path: string, spoilt: (text: string, held: string) => string][] = [
  ["gate.schema", kpi, (text) => text.replace("object_name", "objectname")],
  ["gate.no-rows", kpi, (text) => text.slice(0, text.indexOf("\n") + 1)],
  ["gate.contradiction", kpi, (text) => `${text}${firstPass(text).replace(",PASS,", ",bridge,")}\n`],
  ["gate.own-golden", kpi, (text) => text.replace(/^([^,\n]+),[^,\n]+,PASS/gm, "$1,$1,PASS")],
  ["metric.undefined", kpi, (text) => text.replaceAll(",PASS,", ",good,")],
  ["gate.missing-image", kpi, (text) => text.replace(/\n[^,]+,/, "\nnowhere,")],
  ["gate.missing-value", kpi, (text) => text.replace(/,PASS,[^,\n]+/, ",PASS,nan")],
  ["gate.train-kpi-leakage", "train/base/training_set.csv", (text, held) => `${text}${firstPass(held)}\n`],
  ["input.bad-yaml", spec, (text) => `${text}\n  : [`],
  ["input.spec-automl", spec, (text) => `${text}\nautoml_policy: {}\n`],
  ["input.bad-spec", spec, (text) => text.replace("task: classify", "task: segment")],
];

describe("a finding that stops a plan", () => {
  it.each(findings)("%s in %s is gone once the file is mended", async (code, path, spoil) => {
    await loop.backTo("created");
    const client = await toolClient(loop.deps());
    const file = join(loop.workspace, path);
    const text = await readFile(file, "utf8");
    const held = await readFile(join(loop.workspace, kpi), "utf8");
    await writeFile(file, spoil(text, held));
    const halted = await client.result("preflight", { ...tinyRequest, seed: 5 });
    expect(halted).toMatchObject({ ok: false, checks: expect.arrayContaining([expect.objectContaining({ code })]) });
    await writeFile(file, text);
    expect(await client.result("preflight", { ...tinyRequest, seed: 5 })).toMatchObject({ ok: true });
    await client.close();
  });
});
