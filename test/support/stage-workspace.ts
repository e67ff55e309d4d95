import { createHash } from "node:crypto";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encode } from "jpeg-js";
import { PNG } from "pngjs";
import { changenetColumns } from "../../server/data/changenet.ts";
import { csvPieces } from "../../server/data/csv.ts";
import { passGates } from "../../server/loop/gates/index.ts";
import type { Evidence, JobOutcome, Stage, StageContext } from "../../server/ports/stage.ts";
import type { JobSpec } from "../../server/run/job.ts";
import type { IterationLabel } from "../../server/run/labels.ts";
import type { IterationState, RunConfig, RunState } from "../../server/run/state.ts";
import { readEmbeddings } from "../../server/stages/shared/embedding-files.ts";
import { configOf, specText, stateOf } from "./stage-config.ts";

/** A part: label and object name; its images lie in `boards` and `golden` below the images root. */
export type Part = readonly [label: string, object: string];

export const seedParts: readonly Part[] = [
  ...["t1", "t2", "t3", "t4"].map((name) => ["PASS", name] as const),
  ["bridge", "t5"],
  ["missing", "t6"],
];
export const validationParts: readonly Part[] = [
  ["PASS", "v1"],
  ["bridge", "v2"],
];
export const kpiParts: readonly Part[] = [
  ...["k1", "k2", "k3", "k4", "k5"].map((name) => ["PASS", name] as const),
  ["missing", "k6"],
  ["missing", "k7"],
  ["shift", "k8"],
];
export const poolParts: readonly Part[] = [
  ["PASS", "p1"],
  ["PASS", "p2"],
  ["missing", "p3"],
  ["missing", "p4"],
];

export type StageWorkspace = {
  readonly workspace: string;
  readonly runDir: string;
  readonly config: RunConfig;
  readonly lightings: readonly string[];
  state(iterations?: Record<string, IterationState>): RunState;
  context(iteration: IterationLabel, iterations?: Record<string, IterationState>): StageContext;
  at(...parts: string[]): string;
};

/** Writes a small complete workspace: every row has its own image content under every lighting. */
export async function stageWorkspace(
  folder: string,
  wish: { lightings?: readonly string[]; change?: (config: RunConfig) => void; spec?: (text: string) => string } = {},
): Promise<StageWorkspace> {
  const lightings = wish.lightings ?? ["SolderLight"];
  const at = (...parts: string[]) => join(folder, ...parts);
  const runDir = at("results", "run_20260101_000000");
  const config = configOf(folder);
  wish.change?.(config);
  await put(config.specs_file, (wish.spec ?? ((text) => text))(specText(lightings)));
  const sets = [
    [config.training_csv, seedParts],
    [config.validation_csv, validationParts],
    [config.kpi_test_csv, kpiParts],
  ] as const;
  const pool = at("augmentation", "mining_pool");
  await Promise.all([
    ...sets.map(([csv, parts]) => writeParts(csv, parts, "boards", "golden")),
    ...sets.flatMap(([, parts]) => parts.map(([, name]) => writePair(at("images"), name, lightings))),
    writeParts(join(pool, "mining_pool.csv"), poolParts, "images/boards", "images/golden"),
    ...poolParts.map(([, name]) => writePair(join(pool, "images"), name, lightings)),
  ]);
  await writeGeneratorDataset(config.anomalygen.dataset_dir_source);
  await mkdir(runDir, { recursive: true });
  const state = (iterations: Record<string, IterationState> = {}) => stateOf(config, runDir, iterations);
  const context = (iteration: IterationLabel, iterations: Record<string, IterationState> = {}): StageContext => ({
    runDir,
    state: state(iterations),
    iteration,
    attempt: 1,
    stamp: "2026-01-01_000000",
    startedAt: new Date().toISOString(),
    accepted: [],
    readEmbeddings,
  });
  return { workspace: folder, runDir, config, lightings, state, context, at };
}

/** Runs a stage as the loop does; `leave` writes what its jobs would leave. */
export async function runStage(
  stage: Stage,
  context: StageContext,
  leave: (jobs: readonly JobSpec[]) => Promise<void> = async () => undefined,
): Promise<Evidence> {
  const plan = await stage.plan(context);
  for (const { path } of plan.directories) await mkdir(path, { recursive: true });
  await stage.prepare?.(context, plan);
  await leave(plan.jobs);
  return collected(stage, context, plan.jobs.map(passed));
}

/** A stage's evidence after the loop's gates; verdicts that a human accepted come as warnings. */
export async function collected(
  stage: Stage,
  context: StageContext,
  outcomes: readonly JobOutcome[],
): Promise<Evidence> {
  const evidence = await stage.collect(context, outcomes);
  const warnings = passGates(evidence.facts, context, stage.name);
  return { ...evidence, warnings: [...evidence.warnings, ...warnings] };
}

export function passed(spec: JobSpec): JobOutcome {
  return { spec, exit: { outcome: "exited", exit_code: 0 } };
}

/** The encoder prepares itself for milliseconds at each call; the same parts come in every test. */
const jpegs = new Map<string, Uint8Array>();

/** The log of a TAO task: carriage returns, colours and the marker. */
export async function leaveLog(path: string, verdict = "PASS"): Promise<void> {
  const colour = String.fromCharCode(27);
  const marker = `${colour}[38;20m - [TAO Toolkit] - INFO - Execution status: ${verdict} (entrypoint.py:1)${colour}[0m`;
  await put(path, `\rEpoch 0: 100%|\r${marker}\r\n`);
}

export async function put(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data);
}

/** Makes a file look written an hour ago. */
export async function age(path: string): Promise<void> {
  const then = new Date(Date.now() - 3_600_000);
  await utimes(path, then, then);
}

/** A 4x4 JPEG whose pixels depend on its name. */
export function jpegOf(name: string): Uint8Array {
  const known = jpegs.get(name) ?? encode({ width: 4, height: 4, data: pixelsOf(name) }, 90).data;
  jpegs.set(name, known);
  return known;
}

export function pngOf(name: string, pixels: Buffer = pixelsOf(name)): Uint8Array {
  const png = new PNG({ width: 4, height: 4 });
  png.data = pixels;
  return PNG.sync.write(png);
}

/** A part's images, tested and golden, under every lighting. */
export async function writePair(root: string, name: string, lightings: readonly string[]): Promise<void> {
  for (const lighting of lightings) {
    for (const side of ["boards", "golden"]) {
      await put(join(root, side, `${name}_${lighting}.jpg`), jpegOf(`${name} ${side} ${lighting}`));
    }
  }
}

export async function writeParts(csv: string, parts: readonly Part[], input: string, golden: string): Promise<void> {
  const rows = parts.map(([label, object]) => [input, golden, label, object, ...Array<string>(10).fill("")]);
  await put(csv, [...csvPieces(changenetColumns, rows)].join(""));
}

const labels = { "(0, 0, 0, 255)": { class: "BACKGROUND" }, "(214, 120, 40, 255)": { class: "pad" } };

/** A dataset with a type placed by cad mask and a free one. */
export async function writeGeneratorDataset(dir: string): Promise<void> {
  const types = [
    { defect_type: "pcb+bridge", spatial_dependency: "cad", roi_prompt_defect_location: "" },
    { defect_type: "pcb+missing", spatial_dependency: "free", roi_prompt_defect_location: "" },
  ];
  await put(join(dir, "defect_spec.jsonl"), types.map((type) => `${JSON.stringify(type)}\n`).join(""));
  await put(join(dir, "semantic_segmentation_labels.json"), JSON.stringify(labels));
  await put(join(dir, "pcb", "clean_image", "c1.png"), pngOf("clean"));
  await put(join(dir, "pcb", "cad_mask", "c1.png"), maskOf([0, 0, 0], [214, 120, 40]));
  for (const type of ["bridge", "missing"])
    await put(join(dir, "pcb", "mask", type, "m1.png"), maskOf([0, 0, 0], [255, 255, 255]));
}

/** A 4x4 mask, one half in each colour. */
export function maskOf(left: readonly number[], right: readonly number[]): Uint8Array {
  const pixels = Array.from({ length: 16 }, (_, at) => [...(at % 4 < 2 ? left : right), 255]).flat();
  return pngOf("", Buffer.from(pixels));
}

function pixelsOf(name: string): Buffer {
  const noise = createHash("sha512").update(name).digest();
  return Buffer.from(Array.from({ length: 16 }, (_, at) => [...noise.subarray(3 * at, 3 * at + 3), 255]).flat());
}
