import { join } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { sha256OfFile } from "../fs/hash.ts";
import { fileFacts, readText } from "../fs/read.ts";
import type { Evidence, Stage, StageContext } from "../ports/stage.ts";
import { defined } from "../run/defined.ts";
import { previousLabel } from "../run/labels.ts";
import { runPaths } from "../run/paths.ts";
import type { IterationState } from "../run/state.ts";
import { stagedBackbone } from "./shared/backbone.ts";
import {
  type Candidates,
  type Checkpoint,
  candidatesOf,
  listCheckpoints,
  listMonitored,
  listResumable,
} from "./shared/checkpoints.ts";
import { asEvidence, isFresh, missing, requireJobs, requireStatus } from "./shared/evidence.ts";
import { stageJob } from "./shared/job.ts";
import { parseSpecDocument } from "./shared/spec-document.ts";
import { inheritedSpec } from "./shared/specs.ts";
import { deriveTrainingSpec, type TrainingPlan } from "./shared/train-spec.ts";
import { leakageOf } from "./shared/training-leakage.ts";

/** Fits the model: the baseline on the seed rows, an iteration on its combined rows from the previous best weights. */
export const train: Stage = {
  name: "train",
  async plan(context) {
    const { dir, spec_path } = places(context);
    const job = stageJob(context, "train", {
      name: "train",
      image: "tao_pyt",
      argv: ["visual_changenet", "train", "-e", spec_path],
      workdir: dir,
      log_path: join(dir, "train.log"),
      status_path: join(dir, "status.json"),
      reads: [context.state.config.backbone_weight_dir],
    });
    return { directories: [{ path: dir }], fresh: [dir], jobs: [job] };
  },

  async prepare(context) {
    const { dir, spec_path } = places(context);
    await refuseLeftovers(context, dir);
    await writeAtomic(spec_path, await derivedSpec(context));
    const { training_csv, images_dir } = context.state.config;
    // The seed rows were compared before approval; their images may have been exchanged since.
    return context.iteration === "baseline" ? { leakage: await leakageOf(context, training_csv, images_dir) } : {};
  },

  async collect(context, outcomes) {
    const { dir, spec_path } = places(context);
    const { jobs } = await train.plan(context);
    await requireJobs(jobs, outcomes, { marker: true });
    const status = await requireStatus(context, join(dir, "status.json"), "train");
    if (status.resumed_from !== undefined) {
      const facts = { resumed_from: status.resumed_from, train_dir: dir };
      throw new Refusal("stage.failed", "Training resumed an older checkpoint instead of starting fresh.", facts);
    }
    await requirePlannedSpec(context, spec_path);
    await requireSameRun(spec_path, join(dir, "experiment.yaml"));
    const fresh = await newCheckpoints(context, dir);
    const candidates = candidatesOf(fresh, status.val_loss);
    if (!candidates) throw noNewCheckpoint(dir, { checkpoints: 0 });
    const monitored = (await listMonitored(dir)).filter(({ mtime_ms }) => isFresh(context, mtime_ms)).at(-1);
    const copies = await copiesOf(context, monitored === undefined ? fresh : [...fresh, monitored]);
    const facts = { checkpoints: { train_dir: dir, copies, epochs_trained: status.epochs.length } };
    const evidence = evidenceOf(context, candidates, monitored, fresh.length);
    const complaints = status.complaints.slice(0, 5).map((text) => `TAO logged an error and went on: ${excerpt(text)}`);
    return { ...evidence, warnings: [...evidence.warnings, ...complaints], facts };
  },
};

async function derivedSpec(context: StageContext): Promise<string> {
  const { config } = context.state;
  const source = inheritedSpec(context);
  const backbone = await stagedBackbone(config.backbone_weight_dir);
  return deriveTrainingSpec(await readText(source), source, config, backbone, trainingPlan(context));
}

function places(context: StageContext): { dir: string; spec_path: string } {
  const iterationDir = runPaths(context.runDir).iteration(context.iteration);
  return {
    dir: join(iterationDir, "train"),
    spec_path: join(iterationDir, `${context.iteration}_spec.yaml`),
  };
}

function trainingPlan(context: StageContext): TrainingPlan {
  const { config, iterations } = context.state;
  const common = {
    label: context.iteration,
    iteration_dir: runPaths(context.runDir).iteration(context.iteration),
    train_dir: places(context).dir,
  };
  const previous = previousLabel(context.iteration);
  if (previous === undefined) {
    const seed = { training_csv: config.training_csv, train_images_dir: config.images_dir };
    return { ...common, ...seed, pretrained_model_path: null };
  }
  const weights = iterations[previous]?.best_ckpt_path;
  const combined = iterations[context.iteration]?.combined_training_csv;
  if (weights === undefined) throw missing(`${previous}.best_ckpt_path`, "is not recorded");
  if (combined === undefined) throw missing(`${context.iteration}.combined_training_csv`, "is not recorded");
  return { ...common, training_csv: combined, train_images_dir: config.workspace, pretrained_model_path: weights };
}

/** A train directory that holds a checkpoint from before would be resumed from, without a word. */
async function refuseLeftovers(context: StageContext, dir: string): Promise<void> {
  const stale: string[] = [];
  for (const name of await listResumable(dir)) {
    const facts = await fileFacts(join(dir, name));
    if (facts && !isFresh(context, facts.mtime_ms)) stale.push(name);
  }
  if (stale.length > 0) {
    const facts = { train_dir: dir, found: stale.slice(0, 10) };
    throw new Refusal("stage.no-new-checkpoint", "The train directory already holds checkpoints.", facts);
  }
}

/** Checkpoints that this attempt wrote, none of them a copy or a hard link of the weights it started from. */
async function newCheckpoints(context: StageContext, dir: string): Promise<Checkpoint[]> {
  const all = await listCheckpoints(dir);
  const empty = all.filter((checkpoint) => checkpoint.size_bytes === 0);
  if (empty[0]) throw noNewCheckpoint(dir, { empty: empty.map(({ path }) => path) });
  const fresh = all.filter((checkpoint) => isFresh(context, checkpoint.mtime_ms));
  if (fresh.length === 0) throw noNewCheckpoint(dir, { checkpoints: all.length, older_than: context.startedAt });
  return fresh;
}

/** Which of the new checkpoints are a copy or a link of weights that were there before, by path. */
async function copiesOf(context: StageContext, fresh: readonly Checkpoint[]): Promise<Record<string, string>> {
  const copies: Record<string, string> = {};
  for (const earlier of await earlierWeights(context)) {
    const before = await fileFacts(earlier);
    for (const { path, size_bytes, ino } of fresh) {
      if (before === undefined || before.size_bytes !== size_bytes) continue;
      if (before.ino === ino || (await sha256OfFile(earlier)) === (await sha256OfFile(path))) copies[path] = earlier;
    }
  }
  return copies;
}

/** Weights of every earlier iteration, and what this training started from. */
async function earlierWeights(context: StageContext): Promise<string[]> {
  const start = trainingPlan(context).pretrained_model_path;
  const found = start === null ? [] : [start];
  for (let label = previousLabel(context.iteration); label !== undefined; label = previousLabel(label)) {
    const dir = join(runPaths(context.runDir).iteration(label), "train");
    found.push(...(await listCheckpoints(dir)).map(({ path }) => path));
  }
  return [...new Set(found)];
}

/** The spec that the job read must still be the one that this training's plan derives. */
async function requirePlannedSpec(context: StageContext, specPath: string): Promise<void> {
  const planned = parseSpecDocument(await derivedSpec(context), specPath).toJS() as unknown;
  const found = await asEvidence(specPath, async () => parseSpecDocument(await readText(specPath), specPath));
  const key = firstDifference(planned, found.toJS() as unknown);
  if (key === undefined) return;
  const expected = excerpt(
    JSON.stringify(parseSpecDocument(await derivedSpec(context), specPath).getIn(key)) ?? "none",
  );
  throw missing(specPath, "is not the spec that this training was planned with", { key: key.join("."), expected });
}

/** The first key at which two plain values differ, or undefined. */
function firstDifference(a: unknown, b: unknown, at: readonly string[] = []): readonly string[] | undefined {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return Object.is(a, b) ? undefined : at;
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = firstDifference(left[key], right[key], [...at, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Compares the composed spec that the task saved with the one it was given: proof of what really ran. */
async function requireSameRun(specPath: string, experimentPath: string): Promise<void> {
  const text = await asEvidence(experimentPath, () => readText(experimentPath));
  const asked = parseSpecDocument(await readText(specPath), specPath);
  const ran = parseSpecDocument(text, experimentPath);
  for (const key of ["dataset.classify.train_dataset.csv_path", "train.pretrained_model_path", "train.num_epochs"]) {
    const expected = asked.getIn(key.split(".")) ?? null;
    const actual = ran.getIn(key.split(".")) ?? null;
    if (expected === actual) continue;
    throw missing(experimentPath, "shows another run", { key, expected, actual });
  }
}

function evidenceOf(
  context: StageContext,
  candidates: Candidates,
  monitored: Checkpoint | undefined,
  saved: number,
): Omit<Evidence, "facts"> {
  const { spec_path } = places(context);
  const { latest, best_val, val_loss } = candidates;
  const kind = best_val ? "best_val" : "latest";
  const best = best_val ?? latest;
  const patch: Partial<IterationState> = {
    best_ckpt_path: best.path,
    best_ckpt_kind: kind,
    candidate_ckpts: defined({ best_val: best_val?.path, best_metric: monitored?.path, latest: latest.path }),
    training_spec: spec_path,
    val_loss: val_loss ?? null,
    ledger: { checkpoints: saved, epochs: latest.epoch + 1 },
  };
  const warnings = best_val ? [] : ["No epoch was both validated and saved: only the latest checkpoint is compared."];
  return {
    summary: `Train: val_loss=${val_loss ?? "n/a"} best_ckpt=${kind}:${best.path}`,
    patch,
    pins: [...new Set([spec_path, best.path, ...(monitored ? [monitored.path] : []), latest.path])],
    warnings,
  };
}

function noNewCheckpoint(dir: string, facts: Record<string, unknown>): Refusal {
  return new Refusal("stage.no-new-checkpoint", "Training left no new checkpoint.", { train_dir: dir, ...facts });
}
