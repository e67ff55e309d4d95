import { basename, isAbsolute, join } from "node:path";
import { z } from "zod";
import { Refusal } from "../errors.ts";
import { readJson } from "../fs/json.ts";
import { fileFacts, kindOf, listNames } from "../fs/read.ts";
import { parseMetricTarget } from "../kpi/metric-contract.ts";
import { type IterationLabel, isIterationLabel, iterationNumber } from "../run/labels.ts";
import { runPaths, workspacePaths } from "../run/paths.ts";
import type { PlanRequest } from "./request.ts";

const iterationSchema = z.looseObject({
  stage_completed: z.string().optional(),
  best_ckpt_path: z.string().optional(),
  combined_training_csv: z.string().optional(),
  far_pct: z.number().nullish(),
});
type Iteration = z.infer<typeof iterationSchema>;

const stateSchema = z.looseObject({
  version: z.number(),
  kpi_target: z.string().optional(),
  max_iterations: z.number().optional(),
  plan: z.looseObject({ plan_id: z.string() }).optional(),
  baseline: iterationSchema.optional(),
  iterations: z.record(z.string(), iterationSchema).default({}),
});

/** One iteration of a run that is taken over: how far it came, its checkpoint and the rows that it was trained on. */
export type Trained = {
  readonly label: IterationLabel;
  readonly stage: string;
  readonly checkpoint: string | undefined;
  readonly combined: string | undefined;
  readonly far_pct: number | undefined;
};

/** What is taken over of a run of whatever program: version 2 or 4, ours or not, finished or not. */
export type AdoptedRun = {
  readonly run_dir: string;
  readonly kind: "vendor_v2" | "vendor_v4" | "own";
  readonly iterations: readonly Trained[];
  /** Target and iterations that its state holds, where they can be used. */
  readonly settings: Pick<PlanRequest, "kpi_target" | "max_iterations">;
};

/**
 * The directory that an argument names: an id below `results`, or a path from the workspace.
 *
 * @throws Refusal `input.no-run` for what can name no file.
 */
export function adoptedDir(workspace: string, given: string): string {
  if (given.includes("\0")) throw new Refusal("input.no-run", "A run's name holds no null byte.", { adopt_run: given });
  if (isAbsolute(given)) return given;
  return given.includes("/") ? join(workspace, given) : join(workspacePaths(workspace).results, given);
}

/** @throws Refusal `state.corrupt`, `state.foreign-version`, `input.unreadable-file`. */
export async function readAdoptedRun(run_dir: string): Promise<AdoptedRun> {
  const path = runPaths(run_dir).state;
  const parsed = stateSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new Refusal("state.corrupt", "The state of the adopted run does not parse.", { path });
  const state = parsed.data;
  if (state.version !== 2 && state.version !== 4) {
    throw new Refusal("state.foreign-version", `State version ${state.version} cannot be adopted.`, { path });
  }
  const named = { ...(state.baseline && { baseline: state.baseline }), ...state.iterations };
  const iterations: Trained[] = [];
  for (const [label, iteration] of Object.entries(named)) {
    if (!isIterationLabel(label)) continue;
    const found = await trainedIn(run_dir, label, iteration);
    if (found !== undefined) iterations.push(found);
  }
  iterations.sort((a, b) => iterationNumber(a.label) - iterationNumber(b.label));
  const kind = state.plan !== undefined ? "own" : state.version === 4 ? "vendor_v4" : "vendor_v2";
  return { run_dir, kind, iterations, settings: settingsIn(state) };
}

/** A version 2 run may have recorded no stage: a checkpoint shows that it was trained. */
async function trainedIn(run_dir: string, label: IterationLabel, iteration: Iteration): Promise<Trained | undefined> {
  const { stage_completed, best_ckpt_path, combined_training_csv, far_pct } = iteration;
  const dir = runPaths(run_dir).iteration(label);
  const checkpoint = best_ckpt_path ?? (await lastCheckpoint(join(dir, "train")));
  if (stage_completed === undefined && checkpoint === undefined) return undefined;
  const written = join(dir, "dataset", `train_combined_${label}.csv`);
  const combined = combined_training_csv ?? ((await kindOf(written)) === "file" ? written : undefined);
  return { label, stage: stage_completed ?? "train", checkpoint, combined, far_pct: far_pct ?? undefined };
}

async function lastCheckpoint(dir: string): Promise<string | undefined> {
  const names = (await listNames(dir)).filter((name) => /^model_epoch_\d{3,}_step_\d{5,}\.pth$/.test(name)).sort();
  const sizes = await Promise.all(names.map((name) => fileFacts(join(dir, name))));
  const whole = names.filter((_, at) => (sizes[at]?.size_bytes ?? 0) > 0);
  const last = whole.at(-1);
  return last === undefined ? undefined : join(dir, last);
}

function settingsIn({ kpi_target, max_iterations }: z.infer<typeof stateSchema>): AdoptedRun["settings"] {
  return {
    ...(kpi_target !== undefined && isTarget(kpi_target) ? { kpi_target } : {}),
    ...(Number.isInteger(max_iterations) && Number(max_iterations) >= 1
      ? { max_iterations: Number(max_iterations) }
      : {}),
  };
}

function isTarget(text: string): boolean {
  try {
    parseMetricTarget(text);
    return true;
  } catch {
    return false;
  }
}

/** The iteration that a new run goes on from: of our own runs the best measured one, of others the last trained one. */
export function takenFrom({ kind, iterations, run_dir }: AdoptedRun): Trained & { readonly checkpoint: string } {
  const trained = iterations.flatMap((one) =>
    one.checkpoint === undefined ? [] : [{ ...one, checkpoint: one.checkpoint }],
  );
  const measured = kind === "own" ? trained.filter(({ far_pct }) => far_pct !== undefined) : [];
  const best = measured.toSorted((a, b) => Number(a.far_pct) - Number(b.far_pct))[0] ?? trained.at(-1);
  if (best !== undefined) return best;
  throw new Refusal("stage.evidence-missing", `${basename(run_dir)} has no trained checkpoint to adopt.`, { run_dir });
}
