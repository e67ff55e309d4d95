// A whole loop whose KPI set is large, stage by stage, beside `cat` of the set: node bench/run.mjs kpi-loop [ROWS]. Server and
// engine run in this process. The engine scores the first rows alone, and every further row gets the score of one of them: what
// is measured is what the loop does with the set and its scores. Boards of 500 parts are links to one folder of images.
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { generateWorkspace } from "../engine/workspace/generate.ts";
import { encodeGrayJpeg } from "../engine/workspace/gray-jpeg.ts";
import { streamOf } from "../engine/workspace/random.ts";
import type { Deps } from "../server/ports/call.ts";
import type { Executor } from "../server/ports/executor.ts";
import type { JobSpec } from "../server/run/job.ts";
import { engineHere } from "../test/support/engine-here.ts";
import { toolClient } from "../test/support/tool-client.ts";
import { told } from "./memory.ts";

const ofBoard = 500;
const side = 24;
const fewRows = 600;

export async function measure(): Promise<void> {
  const rows = Number(process.argv[2] ?? 1_000_000);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-kpi-loop-"));
  try {
    const workspace = join(folder, "boards");
    await generateWorkspace(workspace, { seed: 1, size: "tiny" });
    const csv = await enlargeKpi(workspace, rows);
    console.log(`\n${rows} KPI rows more, ${((await stat(csv)).size / 1e6).toFixed(0)} MB`);
    await told("limit: cat of the set", () => execFileSync("cat", [csv], { stdio: "ignore" }));
    await loop(folder, workspace, csv);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function loop(folder: string, workspace: string, csv: string): Promise<void> {
  const few = join(folder, "few.csv");
  await writeFile(few, execFileSync("head", ["-n", String(fewRows), csv]));
  const executor = quickEngine(csv, few);
  const deps = (env: Record<string, string> = {}): Deps => ({
    clock: { now: () => new Date() },
    ids: { hex: (length) => "0".repeat(length) },
    env: { HOME: folder, XDG_STATE_HOME: join(folder, "state"), XDG_CACHE_HOME: join(folder, "cache"), ...env },
    cwd: workspace,
    executors: { embedded: async () => executor },
  });
  const wish = { workspace, platform: "embedded", max_iterations: 1, kpi_target: "FAR < 0.001% at recall=100%" };
  const planner = await toolClient(deps());
  let plan_id = "";
  await told("preflight", async () => {
    const look = () => planner.result("preflight", { ...wish, num_sdg: 0, seed: 1, resume: "fresh" });
    let plan = await look();
    // A look that lasts answers before it ends, and goes on.
    while (String(plan.status_line).startsWith("Still looking")) plan = await look();
    if (plan.plan_id === undefined) throw new Error(JSON.stringify(plan).slice(0, 4000));
    plan_id = String(plan.plan_id);
  });
  await planner.close();
  const client = await toolClient(deps({ DEFT_APPROVE_PLAN: plan_id }));
  let run = "";
  await told("approval", async () => {
    run = String((await client.result("approve_plan", { plan_id })).run_dir);
  });
  let next = String((await client.result("loop_status", { run })).next_action);
  while (!next.startsWith("finish_loop")) {
    await told(next.slice(0, 46), async () => {
      const step = await client.result("run_stage", { run, wait_seconds: 3000 });
      if (step.outcome === "hard_stop") throw new Error(String(step.status_line));
      next = String(step.next_action);
    });
  }
  await told("finish and report", () => client.result("finish_loop", { run }));
  await client.close();
}

/** Rows of a KPI set with images that boards share. */
async function enlargeKpi(workspace: string, rows: number): Promise<string> {
  const [csv, images] = [join(workspace, "kpi", "testing_set.csv"), join(workspace, "kpi", "images")];
  for (const [name, seed] of [["many-golden", 0] as const, ["many", 1] as const]) {
    await mkdir(join(images, name));
    for (let part = 0; part < ofBoard; part++) {
      const random = streamOf(1, `part ${part}`);
      const shades = Uint8Array.from({ length: side * side }, (_, at) => random() * 220 + seed * ((at * 7) % 13));
      await writeFile(join(images, name, `P${part}_SolderLight.jpg`), encodeGrayJpeg(shades, side, 80));
    }
  }
  const header = (await readFile(csv, "utf8")).split("\n", 1)[0]?.split(",") ?? [];
  for (let board = 0; board * ofBoard < rows; board++) await symlink("many", join(images, `M${board}`));
  await pipeline(Readable.from(linesOf(header, rows)), createWriteStream(csv, { flags: "a" }));
  return csv;
}

function* linesOf(header: readonly string[], rows: number): Generator<string> {
  for (let at = 0; at < rows; at++) {
    const cells: Record<string, string> = {
      input_path: `M${Math.floor(at / ofBoard)}/`,
      golden_path: "many-golden/",
      label: at % 50 === 0 ? "missing" : "PASS",
      object_name: `P${at % ofBoard}`,
      boardname: `M${Math.floor(at / ofBoard)}`,
    };
    yield `${header.map((name) => cells[name] ?? "").join(",")}\n`;
  }
}

/** The engine, which scores the first rows of the KPI set; the others get scores of theirs. */
function quickEngine(csv: string, few: string): Executor {
  const isKpi = ({ argv }: JobSpec) => argv.at(-1) === `dataset.classify.infer_dataset.csv_path=${few}`;
  const inner = engineHere(async (spec, run) => {
    const exit = await run();
    if (isKpi(spec)) await scoreAll(csv, join(spec.workdir, "inference.csv"));
    return exit;
  });
  return {
    ...inner,
    async start(runDir, spec) {
      const at = spec.argv.indexOf("-e") + 1;
      const text = spec.argv.includes("inference") ? await readFile(spec.argv[at] ?? "", "utf8") : "";
      const more = text.includes(csv) ? [`dataset.classify.infer_dataset.csv_path=${few}`] : [];
      return await inner.start(runDir, { ...spec, argv: [...spec.argv, ...more] });
    },
  };
}

/** Gives every row of the set a score of the rows that have one, moved a little by its number. */
async function scoreAll(csv: string, inference: string): Promise<void> {
  const scored = (await readFile(inference, "utf8")).trimEnd().split("\n").slice(1);
  const scores = scored.map((line) => Number(line.split(",").at(-1)));
  let at = -1;
  async function* lines() {
    for await (const line of createInterface(createReadStream(csv))) {
      const score = Math.abs((scores[at % scores.length] ?? 0) - (at * 1e-3) / 1e7);
      yield at < 0 ? `${line},siamese_score\n` : at < scores.length ? `${scored[at]}\n` : `${line},${score}\n`;
      at++;
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(inference));
}
