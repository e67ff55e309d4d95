import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { entryDigest, stateDigest } from "../../server/journal/integrity.ts";
import type { LogEntry, RunState } from "../../server/run/state.ts";
import { generatedPair, goldenImage, partImage } from "./board-images.ts";
import { finishedState, type RunShape } from "./finished-state.ts";

/** A run directory on disk whose loop has ended: baseline and iterations, one after another, at one minute a stage. */
export type FinishedRun = {
  readonly workspace: string;
  readonly runDir: string;
  readonly state: RunState;
  readonly log: readonly LogEntry[];
  remove(): Promise<void>;
};

export type Wish = Partial<RunShape> & {
  /** Edits state and log before they are written and sealed with their digests. */
  readonly change?: (state: RunState, log: LogEntry[]) => void;
};

const standard: RunShape = {
  far_pct: [52, 12.5, 3.1],
  pass_rows: 1000,
  defects: { missing: 20, bridge: 12, excess_solder: 8 },
  base_rows: 200,
  distinct_images: 8,
};

/** Writes a finished run below a fresh temporary workspace; every file that the report reads is there. */
export async function finishedRun(wish: Wish = {}): Promise<FinishedRun> {
  const shape = { ...standard, ...wish };
  const workspace = await mkdtemp(join(tmpdir(), "deft-report-"));
  const runDir = join(workspace, "results", "run_20261121_090000");
  const state = finishedState(workspace, runDir, shape);
  const log = logOf(shape.far_pct.length);
  wish.change?.(state, log);
  seal(state, log);
  await writeInputs(workspace, shape);
  for (let at = 0; at < shape.far_pct.length; at++) await writeIteration(runDir, shape, at);
  await put(join(runDir, "deft_state.json"), JSON.stringify(state, null, 2));
  await put(join(runDir, "loop_log.jsonl"), log.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  return { workspace, runDir, state, log, remove: () => rm(workspace, { recursive: true, force: true }) };
}

/** Chains the entries and records the state's digest, as the journal does. */
function seal(state: RunState, log: LogEntry[]): void {
  let digest = "";
  for (const entry of log) {
    digest = entryDigest(entry, digest);
    entry.entry_digest = digest;
  }
  state.integrity = { state_digest: stateDigest(state), head_seq: log.length, head_digest: digest };
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

async function writeInputs(workspace: string, shape: RunShape): Promise<void> {
  const rows = Array.from({ length: shape.base_rows }, (_, at) => `base/,golden/,PASS,B${at}\n`);
  await put(join(workspace, "train", "base", "training_set.csv"), trainHeader + rows.join(""));
  await put(join(workspace, "specs", "baseline_spec.yaml"), specText(0));
  for (let at = 0; at < shape.distinct_images; at++) {
    await put(join(workspace, "images", "kpi", `C${at}_SolderLight.jpg`), partImage(at));
    await put(join(workspace, "images", "golden", `C${at}_SolderLight.jpg`), goldenImage());
  }
}

const trainHeader = "input_path,golden_path,label,object_name\n";

async function writeIteration(runDir: string, shape: RunShape, at: number): Promise<void> {
  const label = at === 0 ? "baseline" : `iter${at}`;
  const dir = join(runDir, label);
  await put(join(dir, `${label}_spec.yaml`), specText(at));
  await put(join(dir, "inference", "best_val", "inference.csv"), inferenceText(shape, at));
  if (at === 0) return;
  const mined = Array.from({ length: 25 }, (_, row) => `pool/,golden/,PASS,P${at}_${row}\n`);
  const sdg = `results/run_20261121_090000/${label}/dataset/images/synthetic_${label}`;
  const made = Array.from({ length: 20 }, (_, row) => `${sdg}_ng/,${sdg}_ok/,missing,PCB+missing_${row}\n`);
  await put(join(dir, "mining_filter", "mining_pool.csv"), trainHeader + made.join("") + mined.join(""));
  const kept = shape.base_rows + (at - 1) * 45;
  const before = at === 1 ? "base_train" : "previous_iter_train";
  await put(
    join(dir, "dataset", `train_combined_${label}_provenance.csv`),
    `source\n${`${before}\n`.repeat(kept)}${"mining_pool\n".repeat(45)}`,
  );
  const history = { candidate_row_count: 40, already_mined_count: 5, selected_count: 25 };
  await put(join(dir, "mining_results", "mining_history_summary.json"), JSON.stringify(history));
  await put(
    join(dir, "mining_filter", "knn_summary.csv"),
    "candidate_count,kept_count,rejected_count,similarity_threshold\n40,30,10,0.9\n",
  );
  const { ng, ok } = generatedPair();
  await put(
    join(dir, "anomalygen", "sdg", "SDG_result.csv"),
    "image_filename,guardrail_pass\nPCB+missing_00000.png,1\n",
  );
  await put(join(dir, "anomalygen", "sdg", "reconstructed_image", "PCB+missing_00000.png"), ng);
  await put(join(dir, "anomalygen", "sdg", "original_image", "PCB+missing_00000.png"), ok);
}

/** PASS parts below 0.3 but for the false alarms, defects from 0.35 on: the best threshold at recall 100 % is 0.3. */
function inferenceText(shape: RunShape, at: number): string {
  const alarms = falseAlarms(shape, at);
  const quiet = shape.pass_rows - alarms;
  const lines = ["input_path,golden_path,label,object_name,siamese_score\n"];
  const row = (label: string, index: number, score: number) => {
    const cell = /[",\n]/.test(label) ? `"${label.replaceAll('"', '""')}"` : label;
    lines.push(`kpi/,golden/,${cell},C${index % Math.max(1, shape.distinct_images)},${score}\n`);
  };
  for (let part = 0; part < quiet; part++) row("PASS", part, round(0.3 * ((part + 1) / quiet) ** 3));
  for (let part = 0; part < alarms; part++) row("PASS", quiet + part, round(0.4 + (0.5 * part) / alarms));
  for (const [label, count] of Object.entries(shape.defects)) {
    for (let part = 0; part < count; part++) row(label, part, round(0.35 + (0.64 * part) / count));
  }
  return lines.join("");
}

/** How many PASS parts of an iteration score above its threshold. */
export function falseAlarms(shape: Pick<RunShape, "far_pct" | "pass_rows">, at: number): number {
  return Math.round(((shape.far_pct[at] ?? 0) * shape.pass_rows) / 100);
}

const round = (value: number) => Number(value.toPrecision(8));

function specText(at: number): string {
  const from = at === 0 ? "null" : `/run/iter${at - 1}.pth`;
  const classify = "{ image_ext: .jpg, input_map: { SolderLight: 0 }, num_input: 1, batch_size: 16 }";
  return `task: classify\ntrain:\n  num_epochs: 10\n  pretrained_model_path: ${from}\ndataset:\n  classify: ${classify}\n`;
}

function logOf(iterations: number): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let at = 0; at < iterations; at++) {
    const stages = at === 0 ? [] : ["routing", "anomalygen", "data_mining", "data_merge"];
    stages.push("train", "evaluate", at < iterations - 1 ? "rca" : "loop_stop");
    for (const stage of stages) entries.push(entryOf(entries.length + 1, at === 0 ? "baseline" : `iter${at}`, stage));
  }
  return entries;
}

const seconds: Readonly<Record<string, number>> = { train: 660, anomalygen: 900, data_mining: 240, loop_stop: 0 };

function entryOf(seq: number, iter: string, stage: string): LogEntry {
  const ts = new Date(Date.UTC(2026, 10, 21, 9, seq)).toISOString().replace("Z", "000Z");
  const tokens = { n_messages: 3, input: 900 + seq, output: 100, cache_read: 50, cache_create: 0 };
  const duration_sec = seconds[stage] ?? 40;
  return {
    seq,
    ts,
    iter,
    stage,
    status: "ok",
    summary: `${stage} of ${iter}`,
    duration_sec,
    context_tokens: 1000,
    tokens,
  };
}
