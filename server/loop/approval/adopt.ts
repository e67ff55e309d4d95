import { basename, join } from "node:path";
import { Refusal } from "../../errors.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { copyNew } from "../../fs/copy.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { readText } from "../../fs/read.ts";
import { isIterationLabel, iterationNumber } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { isRecord } from "../../run/record.ts";
import type { IterationState, Plan, RunState } from "../../run/state.ts";
import { stagedBackbone } from "../../stages/shared/backbone.ts";
import { deriveTrainingSpec } from "../../stages/shared/train-spec.ts";

/** A trained baseline that stands in for the first training, and the checkpoint that the plan pinned for it. */
export type AdoptedBaseline = {
  readonly iteration: IterationState;
  readonly pins: Record<string, string>;
  readonly from: string;
};

/**
 * Copies the checkpoint that an approved plan adopts into the new run and derives the spec it would have been trained
 * by, so that the loop goes on at the baseline's evaluate. Undefined when the plan adopts nothing.
 *
 * @throws Refusal `approval.plan-changed` when the checkpoint is no longer the one that was approved.
 */
export async function adoptBaseline(state: RunState, plan: Plan): Promise<AdoptedBaseline | undefined> {
  const source = adoptedCheckpoint(plan);
  if (source === undefined) return undefined;
  const iterationDir = runPaths(state.results_dir).iteration("baseline");
  const trainDir = join(iterationDir, "train");
  await makeDirectory(trainDir);
  const name = /^model_epoch_\d{3,}_step_\d{5,}\.pth$/.test(basename(source.path))
    ? basename(source.path)
    : "model_epoch_000_step_00000.pth";
  const checkpoint = join(trainDir, name);
  await copyNew(source.path, checkpoint);
  if ((await sha256OfFile(checkpoint)) !== source.sha256) {
    throw new Refusal("approval.plan-changed", "The adopted checkpoint changed since it was approved.", {
      path: source.path,
    });
  }
  const spec = await writeBaselineSpec(state, iterationDir, trainDir);
  const iteration: IterationState = {
    status: "in_progress",
    stage_completed: "train",
    best_ckpt_path: checkpoint,
    best_ckpt_kind: "latest",
    candidate_ckpts: { latest: checkpoint },
    training_spec: spec,
    val_loss: null,
    source: "adopted",
    adopted: ["train"],
  };
  return { iteration, pins: { [checkpoint]: source.sha256 }, from: source.path };
}

async function writeBaselineSpec(state: RunState, iterationDir: string, trainDir: string): Promise<string> {
  const { config } = state;
  const path = join(iterationDir, "baseline_spec.yaml");
  const text = deriveTrainingSpec(
    await readText(config.specs_file),
    config.specs_file,
    config,
    await stagedBackbone(config.backbone_weight_dir),
    {
      label: "baseline",
      iteration_dir: iterationDir,
      train_dir: trainDir,
      training_csv: config.training_csv,
      train_images_dir: config.images_dir,
      pretrained_model_path: null,
    },
  );
  await writeAtomic(path, text);
  return path;
}

/** The named checkpoint, or the one of an adopted run's last trained iteration. */
function adoptedCheckpoint(plan: Plan): { path: string; sha256: string } | undefined {
  const { adopts } = plan;
  if (adopts === undefined) return undefined;
  if (typeof adopts.checkpoint === "string") return pinned({ path: adopts.checkpoint, sha256: adopts.sha256 });
  const checkpoints = Object.entries((adopts.checkpoints ?? {}) as Record<string, unknown>);
  const trained = checkpoints.filter(([label]) => isIterationLabel(label));
  trained.sort(([a], [b]) => numberOf(a) - numberOf(b));
  return pinned(trained.at(-1)?.[1]);
}

function numberOf(label: string): number {
  return isIterationLabel(label) ? iterationNumber(label) : -1;
}

function pinned(value: unknown): { path: string; sha256: string } {
  if (isRecord(value) && "path" in value && "sha256" in value) {
    return { path: String(value.path), sha256: String(value.sha256) };
  }
  throw new Refusal("approval.plan-changed", "The plan adopts a run without a checkpoint.", {});
}
