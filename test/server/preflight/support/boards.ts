import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import type { Deps } from "../../../../server/ports/call.ts";
import type { Executor } from "../../../../server/ports/executor.ts";
import type { PlanRequest } from "../../../../server/preflight/request.ts";
import type { Resolution } from "../../../../server/preflight/resolution.ts";

export const kpiTarget = "FAR < 5% at recall=100%";

/** Everything that a person has to say, for the workspace of `boardsIn`. */
export const completeRequest: PlanRequest = { kpi_target: kpiTarget, max_iterations: 2, platform: "embedded" };

const unused = () => Promise.reject(new Error("a preflight starts nothing"));

/** An executor that only says whether it is there. */
export function standIn(platform: "embedded" | "docker", available = true): Executor {
  return {
    platform,
    engine: `${platform} stand-in 1.0`,
    availability: async () => ({ available, detail: available ? "ready" : "the daemon does not answer" }),
    start: unused,
    poll: unused,
    cancel: unused,
    discard: unused,
  };
}

export function depsIn(cwd: string, env: Record<string, string> = {}): Deps {
  return {
    clock: { now: () => new Date("2026-11-21T12:00:00Z") },
    ids: { hex: (length) => "0".repeat(length) },
    env: { HOME: cwd, ...env },
    cwd,
    executors: { embedded: async () => standIn("embedded") },
  };
}

export const specText = `encryption_key: tlt_encode
task: classify
results_dir: /results
train:
  num_epochs: 4
  classify: {loss: ce, cls_weight: [1.0, 10.0]}
model:
  backbone: {type: c_radio_v2_vit_base_patch16_224}
  classify: {difference_module: learnable, learnable_difference_modules: 4}
dataset:
  classify:
    image_ext: .jpg
    batch_size: 2
    num_input: 1
    input_map: {SolderLight: 0}
    num_classes: 2
`;

const header = "input_path,golden_path,label,object_name\n";

export type Row = { board: string; label: string; name: string };

export function csvOf(rows: readonly Row[], prefix = ""): string {
  const lines = rows.map(
    ({ board, label, name }) => `${prefix}${board}/test,${prefix}${board}/golden,${label},${name}`,
  );
  return `${header}${lines.join("\n")}\n`;
}

/** Rows whose images nobody else has: two good parts and two bridges on a board of their own. */
export function rowsOf(board: string): Row[] {
  return ["PASS", "PASS", "bridge", "bridge"].map((label, at) => ({ board, label, name: `${board}_c${at}` }));
}

/** The smallest complete workspace: four rows a split, a pool of four, generator data for bridges. */
export async function boardsIn(root: string): Promise<string> {
  const splits = {
    train: "train/base/training_set.csv",
    val: "train/base/validation_set.csv",
    kpi: "kpi/testing_set.csv",
  };
  await put(join(root, "specs/baseline_spec.yaml"), specText);
  for (const [board, csv] of Object.entries(splits)) {
    await put(join(root, csv), csvOf(rowsOf(board)));
    await drawRows(join(root, "images"), rowsOf(board));
  }
  const pool = join(root, "augmentation/mining_pool");
  await put(join(pool, "mining_pool.csv"), csvOf(rowsOf("pool"), "images/"));
  await drawRows(join(pool, "images"), rowsOf("pool"));
  await generatorIn(root, "boards");
  return root;
}

export async function generatorIn(root: string, project: string): Promise<void> {
  const dataset = join(root, "augmentation/anomalygen/datasets", project);
  const defect = { defect_type: "pcb+bridge", spatial_dependency: "cad", roi_prompt_defect_location: "" };
  await put(join(dataset, "defect_spec.jsonl"), `${JSON.stringify(defect)}\n`);
  await put(
    join(dataset, "semantic_segmentation_labels.json"),
    JSON.stringify({ "(255, 0, 0, 255)": { class: "pad" } }),
  );
  await put(join(dataset, "pcb/clean_image/a.jpg"), image("clean"));
  await put(join(dataset, "pcb/cad_mask/a.png"), cadMask());
  await put(join(dataset, "pcb/mask/bridge/m.png"), anomalyMask());
}

async function drawRows(imagesDir: string, rows: readonly Row[]): Promise<void> {
  for (const { board, name } of rows) {
    await put(join(imagesDir, board, "test", `${name}_SolderLight.jpg`), image(`${name} test`));
    await put(join(imagesDir, board, "golden", `${name}_SolderLight.jpg`), image(`${name} golden`));
  }
}

const drawn = new Map<string, Uint8Array>();

/** An 8x8 image whose pixels follow from the text, so that no two are alike by accident. */
export function image(text: string): Uint8Array {
  const known = drawn.get(text);
  if (known !== undefined) return known;
  const data = Buffer.alloc(8 * 8 * 4, 255);
  for (let at = 0; at < data.length; at++) {
    if (at % 4 !== 3) data[at] = (text.charCodeAt(at % text.length) * (at + 7)) % 256;
  }
  const bytes = jpeg.encode({ width: 8, height: 8, data }, 95).data;
  drawn.set(text, bytes);
  return bytes;
}

/** Red pads on black laminate. */
const cadMask = () => halfOf([255, 0, 0]);
const anomalyMask = () => halfOf([255, 255, 255]);

/** An image of which the upper half has a colour and the rest is black. */
function halfOf(colour: readonly number[]): Uint8Array {
  const png = new PNG({ width: 8, height: 8 });
  for (let at = 0; at < png.data.length; at += 4) png.data.set([...(at < 128 ? colour : [0, 0, 0]), 255], at);
  return PNG.sync.write(png);
}

export async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Writes a live run of ours with the plan of a resolution, one finished training in its log. */
export async function liveRunIn(resolution: Resolution, runId = "run_20261120_080000"): Promise<string> {
  const { plan, config, metric_contract, workspace } = resolution;
  if (plan === undefined || config === undefined) throw new Error("the resolution has no plan");
  const results_dir = join(workspace, "results", runId);
  const state = {
    version: 2,
    started_at: "2026-11-20T08:00:00+00:00",
    status: "in_progress",
    kpi_target: String(plan.parameters.kpi_target?.value),
    results_dir,
    max_iterations: 2,
    current_iteration: 1,
    config,
    iterations: {},
    metric_contract,
    plan,
    approvals: [{ plan_id: plan.plan_id, how: "console", at: "2026-11-20T08:00:00+00:00" }],
    acknowledgements: [],
    pins: {},
  };
  await put(join(results_dir, "deft_state.json"), JSON.stringify(state));
  await put(join(results_dir, "loop_log.jsonl"), `${logLine(1, "train")}\n${logLine(2, "evaluate")}\n`);
  return results_dir;
}

export function logLine(seq: number, stage: string): string {
  const ts = "2026-11-20T08:01:00.000000Z";
  return JSON.stringify({
    seq,
    ts,
    iter: "baseline",
    stage,
    status: "ok",
    summary: `${stage} done`,
    duration_sec: 3,
    context_tokens: 0,
  });
}
