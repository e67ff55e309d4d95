// What calls cost in a long run and beside many runs: by length of the log beside `cat` of it and one fsync, by iterations
// beside parsing the state, by runs beside `stat` of their folders, warm and in a process that begins.
// node bench/run.mjs long-runs [ENTRIES] [RUNS]
import { execFileSync } from "node:child_process";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commit, readRun, withRun } from "../server/journal/journal.ts";
import { nextSeq } from "../server/loop/next-seq.ts";
import { loopStatus } from "../server/loop/status.ts";
import { resolveRun } from "../server/loop/which-run.ts";
import { listResources } from "../server/mcp/resources.ts";
import type { Deps } from "../server/ports/call.ts";
import { knownRuns } from "../server/preflight/known-runs.ts";
import { findRuns } from "../server/preflight/unfinished.ts";
import { renderReport } from "../server/report/render.ts";
import { runPaths } from "../server/run/paths.ts";
import type { IterationState, RunState } from "../server/run/state.ts";
import { testDeps } from "../test/support/a-run.ts";
import { longRun, trained } from "../test/support/long-run.ts";
import { show, timed } from "./timing.ts";

const stagesAnIteration = 7;

const homeOf = (folder: string) => ({ XDG_STATE_HOME: join(folder, "state"), XDG_CACHE_HOME: join(folder, "cache") });

export async function measure(bundles: string): Promise<void> {
  const [entries = "100000", runs = "5000"] = process.argv.slice(2);
  const folder = await mkdtemp(join(tmpdir(), "deft-bench-long-"));
  const deps = testDeps({ env: { XDG_STATE_HOME: join(folder, "state") }, cwd: folder });
  try {
    for (const length of new Set([100, 10_000, Number(entries)]))
      await logOf(length, join(folder, `log-${length}`), deps);
    for (const length of [10, 200]) await iterationsOf(length, join(folder, `iterations-${length}`), deps);
    for (const count of new Set([10, Number(runs)])) await runsOf(count, join(folder, `runs-${count}`), bundles);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function logOf(length: number, folder: string, deps: Deps): Promise<void> {
  const runDir = join(folder, "results", "run_20261121_100000");
  await longRun(runDir, length, deps);
  const { log } = runPaths(runDir);
  console.log(`\na log of ${length} entries, ${(await stat(log)).size} bytes`);
  show("limit: read the log once", await timed(() => readFile(log)));
  await calls(runDir, folder, deps);
  show("proof of the whole chain", await timed(() => readRun(runDir, { ...deps, whole: true })));
  show("report", await timed(() => renderReport(runDir, deps).then(() => {})));
}

async function iterationsOf(length: number, folder: string, deps: Deps): Promise<void> {
  const iterations = Object.fromEntries(Array.from({ length }, (_, at) => [`iter${at + 1}`, iterationOf(folder, at)]));
  const runDir = join(folder, "results", "run_20261121_100000");
  const patch = { iterations, current_iteration: length, max_iterations: length + 1 };
  await longRun(runDir, length * stagesAnIteration, deps, patch);
  const { state } = runPaths(runDir);
  console.log(`\n${length} iterations, a state of ${(await stat(state)).size} bytes`);
  show("limit: parse the state once", await timed(async () => void JSON.parse(await readFile(state, "utf8"))));
  await calls(runDir, folder, deps);
  show("report", await timed(() => renderReport(runDir, deps).then(() => {})));
}

async function calls(runDir: string, folder: string, deps: Deps): Promise<void> {
  show("limit: append one line and fsync", await timed(() => synced(join(folder, "probe"))));
  show("next_seq", await timed(() => nextSeq(runDir).then(() => {})));
  show("loop_status", await timed(() => loopStatus(runDir, deps).then(() => {})));
  show(
    "commit",
    await timed(() => withRun(runDir, (run) => commit(run, run.state, trained, deps).then(() => {}), deps)),
  );
}

/** The last of the runs is unfinished, the others are complete. */
async function runsOf(count: number, folder: string, bundles: string): Promise<void> {
  const deps = testDeps({ env: homeOf(folder), cwd: folder });
  const dirs: string[] = [];
  for (let at = 0; at < count; at++) {
    const patch: Partial<RunState> =
      at === count - 1 ? {} : { status: "complete", completed_at: "2026-11-21T10:00:00Z" };
    const name = `run_2026${String(1000 + Math.floor(at / 1000))}_${String(at % 1000).padStart(6, "0")}`;
    const dir = join(folder, "results", name);
    await longRun(dir, 2 * stagesAnIteration, deps, patch);
    dirs.push(dir);
  }
  console.log(`\n${count} runs in one workspace`);
  show("limit: stat of their folders", await timed(() => Promise.all(dirs.map((dir) => stat(dir)))));
  const ever = spawnedList(bundles, folder);
  console.log(`  the first list ever: processor ${ever.toFixed(0)} ms, with the start of its process`);
  show("list of all, in a process that begins", await timed(() => spawnedList(bundles, folder)));
  show("list of the workspace's runs", await timed(() => findRuns(folder, deps.env)));
  show("list of all this user's runs", await timed(() => knownRuns(deps)));
  show("a page of resources", await timed(() => listResources(deps)));
  show("which run a call means", await timed(() => resolveRun({ workspace: folder }, deps)));
  const named = dirs.at(-1)?.split("/").at(-1);
  show("which run an id means", await timed(() => resolveRun({ workspace: folder, run: named }, deps)));
}

/** Lists the runs that are known in a home, as a process does that begins. */
export async function list(folder: string): Promise<void> {
  const runs = await knownRuns({ env: homeOf(folder), cwd: folder });
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ runs: runs.length, cpu_ms: (user + system) / 1000 }));
}

/** Processor time of such a list, in milliseconds. */
function spawnedList(bundles: string, folder: string): number {
  const script = `import(${JSON.stringify(join(bundles, "bench.mjs"))}).then((m) => m.list(process.argv[1]))`;
  return JSON.parse(execFileSync(process.execPath, ["-e", script, "--", folder], { encoding: "utf8" })).cpu_ms;
}

/** What an iteration leaves in the state, about as much of it as on a real board. */
function iterationOf(folder: string, at: number): IterationState {
  const path = (name: string) => join(folder, "results", "run_20261121_100000", `iter${at + 1}`, name);
  return {
    status: "complete",
    stage_completed: "data_merge",
    best_ckpt_path: path("train/model_epoch_029.pth"),
    training_spec: path("train/spec.yaml"),
    inference_csv: path("inference/best_val/inference.csv"),
    threshold: 0.5,
    far_pct: 12.5,
    rca_gaps_parquet: path("rca/gaps.parquet"),
    routing_mining_parquet: path("routing/mining.parquet"),
    routing_anomalygen_parquet: path("routing/anomalygen.parquet"),
    anomalygen_sdg_csv: path("anomalygen/sdg.csv"),
    mining_mined_parquet: path("mining/mined.parquet"),
    mining_summary: path("mining/summary.json"),
    combined_training_csv: path("merge/training.csv"),
    provenance_csv: path("merge/provenance.csv"),
    ledger: { gap_rows: 40, routed_mining: 30, requested: 20, generated: 20, mined: 115, train_rows: 4000 },
  };
}

async function synced(path: string): Promise<void> {
  const file = await open(path, "a");
  await file.writeFile("x\n");
  await file.sync();
  await file.close();
}
