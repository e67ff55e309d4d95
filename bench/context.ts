// What a driven loop and an OSMO dry run cost the model: bytes/4 of all that it reads and writes, beside prose skills.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { generateWorkspace } from "../engine/workspace/generate.ts";
import { openToolClient, type ToolResult } from "../server/mcp/client/open.ts";
import { instructions } from "../server/mcp/instructions.ts";
import { listed } from "../server/mcp/listing.ts";
import { defined } from "../server/run/defined.ts";
import type { Toolset } from "../tools/define.ts";
import { tools } from "../tools/index.ts";

/** Reading lists of the prose skills for the same work, in bytes/4. */
const prose = { loop: 93_000, submit: 9_700 };
const limits = { loop: 9_000, submit: 4_000 };

type Ledger = { readonly rows: [string, number][]; add(what: string, text: string): void };

export async function measure(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-context-"));
  try {
    const { workspace } = await generateWorkspace(join(folder, "boards"), { seed: 5, size: "tiny" });
    const wish = { platform: "embedded", max_iterations: 1, kpi_target: "FAR < 0.1% at recall=100%", seed: 1 };
    const loop = await opening("deft", "skills/deft-aoi/SKILL.md");
    const planned = await converse(folder, workspace, {}, loop, async (call) => await call("preflight", wish));
    const env = { DEFT_APPROVE_PLAN: String(planned.plan_id) };
    await converse(folder, workspace, env, loop, async (call) => {
      await call("approve_plan", { plan_id: planned.plan_id });
      for (;;) {
        const { next_action } = await call("run_stage", {});
        if (String(next_action).startsWith("finish_loop")) return await call("finish_loop", {});
      }
    });
    show("baseline and one iteration", loop, limits.loop, prose.loop);
    const submit = await opening("osmo", "skills/defect-image-generation/SKILL.md");
    await converse(folder, workspace, {}, submit, (call) =>
      call("submit_osmo", { flow: "good_image_generation", usecase: "pcb", dry_run: true }),
    );
    show("an OSMO dry run", submit, limits.submit, prose.submit);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is read before the first call: instructions, every tool of the set as if all were loaded, the skill. */
async function opening(toolset: Toolset, skill: string): Promise<Ledger> {
  const rows: [string, number][] = [];
  const add = (what: string, text: string) => void rows.push([what, Buffer.byteLength(text)]);
  const shown = tools.filter((tool) => tool.toolset === toolset).map((tool) => listed(tool));
  add("instructions", instructions([toolset]));
  const visible = shown.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  add("tools", JSON.stringify(visible));
  add("skill", await readFile(resolve(skill), "utf8"));
  return { rows, add };
}

type Caller = (name: string, args: Record<string, unknown>) => Promise<ToolResult>;

async function converse(
  folder: string,
  workspace: string,
  variables: Record<string, string>,
  ledger: Ledger,
  work: (call: Caller) => Promise<ToolResult>,
): Promise<ToolResult> {
  const env = { PATH: process.env.PATH, HOME: folder, DEFT_WORKSPACE: workspace, ...variables };
  const args = [resolve("dist/deft-mcp.js"), "serve"];
  const transport = new StdioClientTransport({ command: process.execPath, args, env: defined(env), cwd: folder });
  const client = await openToolClient(transport, "0");
  try {
    return await work(async (name, given) => {
      const result = await client.call(name, given);
      ledger.add(name, JSON.stringify({ name, arguments: given }) + JSON.stringify(result));
      // The skill has the model pass on every status line: it is written once more.
      ledger.add("passed on", name === "preflight" ? String(result.summary) : String(result.status_line));
      return result;
    });
  } finally {
    await client.close();
  }
}

function show(what: string, { rows }: Ledger, limit: number, proseTokens: number): void {
  const sums = new Map<string, { bytes: number; times: number }>();
  for (const [name, bytes] of rows) {
    const { bytes: before, times } = sums.get(name) ?? { bytes: 0, times: 0 };
    sums.set(name, { bytes: before + bytes, times: times + 1 });
  }
  console.log(`\n${what}, tokens (bytes/4)`);
  for (const [name, { bytes, times }] of sums) {
    console.log(`  ${name.padEnd(14)} ${String(times).padStart(3)} x ${String(Math.round(bytes / 4)).padStart(7)}`);
  }
  const total = Math.round(rows.reduce((sum, [, bytes]) => sum + bytes, 0) / 4);
  console.log(`  ${"total".padEnd(20)} ${String(total).padStart(7)}   limit ${limit}, prose skills ${proseTokens}`);
}
