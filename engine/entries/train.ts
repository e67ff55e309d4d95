import { readdirSync } from "node:fs";
import { join } from "node:path";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, logLine, timeOf } from "../io.ts";
import {
  type Checkpoint,
  checkpointName,
  loadCheckpoint,
  requireSameModel,
  saveCheckpoint,
} from "../model/checkpoint.ts";
import {
  type Committee,
  committeeLoss,
  continueCommittee,
  createCommittee,
  type Labelled,
  prepareTraining,
} from "../model/committee.ts";
import { type Dataset, loadDataset, targetOf } from "../model/dataset.ts";
import type { FitOptions } from "../model/fit.ts";
import { PAIR_KIND } from "../pair/features.ts";
import type { ChangenetSpec } from "../spec/changenet-spec.ts";
import { timedelta } from "../status-log.ts";
import { runChangenetTask, type TaskContext } from "../task.ts";

/** The spec's learning rate is meant for a vision transformer; these small networks take several hundred times as much. */
const RATE_FACTOR = 400;
const MAX_RATE = 0.02;

/** `visual_changenet train`: fits the comparison network and writes checkpoints under TAO's names. */
export function train(args: string[], io: EngineIo): Promise<number> {
  return runChangenetTask("train", args, io, trainModel);
}

async function trainModel(context: TaskContext): Promise<void> {
  const { spec, io } = context;
  const start = findStart(context);
  if (start.resumed !== undefined && start.resumed.epoch + 1 > spec.num_epochs) {
    throw new EngineFailure(
      "MisconfigurationException",
      `You restored a checkpoint with current_epoch=${start.resumed.epoch + 1}, but you have set Trainer(max_epochs=${spec.num_epochs}).`,
    );
  }
  const data = await loadDataset(context, "train", "train");
  const held = await loadDataset(context, "validation", "validation");
  refuseOneClass(data);
  logLine(io, "INFO", `Using ${Math.max(1, spec.lights.length)} input types and linear type 1 X 1 for comparison`);
  logLine(io, "INFO", `Sampling Defective components at ${spec.fpratio_sampling.toFixed(2).padStart(5, "0")}:1 rate`);
  logLine(io, "INFO", "Number of output classes: 2");
  const steps = Math.floor(data.rows.length / spec.batch_size);
  logLine(io, "INFO", `Number of steps for training: ${steps}`);
  logLine(io, "INFO", `Number of steps for validation: ${Math.floor(held.rows.length / spec.batch_size)}`);
  const rows = labelled(data);
  runLoop(context, prepareCommittee(start, rows, spec, io), rows, labelled(held), start.resumed);
}

type Start = { warm: Checkpoint | undefined; resumed: Checkpoint | undefined };

/** Finds what training starts from: a checkpoint to resume (named, or any `*_latest.pth` already there), or weights. */
function findStart({ spec, status }: TaskContext): Start {
  const left = readdirSync(spec.results_dir).find((name) => name.endsWith("_latest.pth"));
  const path = spec.resume_path ?? (left === undefined ? undefined : join(spec.results_dir, left));
  if (path !== undefined) {
    status("RUNNING", `Resuming training from checkpoint: ${path}`);
    return { warm: undefined, resumed: loadCheckpoint(path) };
  }
  if (spec.pretrained_model_path === undefined) return { warm: undefined, resumed: undefined };
  status("RUNNING", `Loading checkpoint: ${spec.pretrained_model_path}`);
  return { warm: loadCheckpoint(spec.pretrained_model_path), resumed: undefined };
}

function refuseOneClass({ rows }: Dataset): void {
  const defective = rows.filter((row) => targetOf(row) === 1).length;
  if (defective === 0) throw new EngineFailure("ZeroDivisionError", "division by zero");
  if (defective === rows.length) {
    throw new EngineFailure(
      "RuntimeError",
      "invalid multinomial distribution (sum of probabilities <= 0)\nRuntimeError: Please call iter(combined_loader) first.",
    );
  }
}

function prepareCommittee(start: Start, rows: Labelled, spec: ChangenetSpec, io: EngineIo): Committee {
  const inputs = (rows.features[0] as Float32Array).length;
  const from = start.resumed ?? start.warm;
  if (from === undefined) return createCommittee(rows, seedOf(spec, io));
  requireSameModel(from, { inputs, feature_kind: PAIR_KIND, difference_module: spec.difference_module });
  if (start.warm === undefined) return from.members;
  logLine(io, "INFO", `Loaded pretrained weights from ${spec.pretrained_model_path}`);
  return continueCommittee(from.members, rows, seedOf(spec, io));
}

/** The seed of the spec; -1 means a different one each time, as in TAO. */
function seedOf(spec: ChangenetSpec, io: EngineIo): number {
  return spec.seed === -1 ? timeOf(io).getTime() : spec.seed;
}

function labelled({ rows, features }: Dataset): Labelled {
  return { features, targets: rows.map(targetOf) };
}

function runLoop(
  { spec, status, io }: TaskContext,
  members: Committee,
  rows: Labelled,
  held: Labelled,
  resumed: Checkpoint | undefined,
): void {
  const steps = Math.floor(rows.targets.length / spec.batch_size);
  const options: FitOptions = {
    batch_size: spec.batch_size,
    cls_weight: spec.cls_weight,
    fpratio_sampling: spec.fpratio_sampling,
    learning_rate: Math.min(MAX_RATE, spec.lr * RATE_FACTOR),
    weight_decay: spec.weight_decay,
    total_steps: steps * spec.num_epochs,
  };
  const first = resumed === undefined ? 0 : resumed.epoch + 1;
  const stepCount = () => members[0]?.fit.step ?? 0;
  const runEpoch = prepareTraining(members, rows, options, seedOf(spec, io) + 7919 * (first + 1));
  const facts = { lights: spec.lights, feature_kind: PAIR_KIND, difference_module: spec.difference_module };
  status("STARTED", "Starting Training Loop.");
  for (let epoch = first; epoch < spec.num_epochs; epoch++) {
    const began = performance.now();
    const save = () => saveCheckpoint(spec.results_dir, { epoch, step: stepCount(), ...facts, members });
    const everyStep = spec.checkpoint_unit === "step";
    const afterStep = () => void (everyStep && stepCount() % spec.checkpoint_interval === 0 && save());
    const loss = runEpoch(afterStep);
    reportEpoch({ epoch, loss, seconds: (performance.now() - began) / 1000 });
    if (!everyStep && (epoch + 1) % spec.checkpoint_interval === 0) {
      save();
      logLine(io, "INFO", `Saved ${checkpointName(epoch, stepCount())}`);
    }
  }
  io.stdout.write(`\`Trainer.fit\` stopped: \`max_epochs=${spec.num_epochs}\` reached.\n`);
  status("RUNNING", "Training loop complete.");

  function reportEpoch({ epoch, loss, seconds }: { epoch: number; loss: number; seconds: number }): void {
    if ((epoch + 1) % spec.validation_interval === 0) {
      const valLoss = committeeLoss(members, held, spec.cls_weight);
      status("RUNNING", "Eval metrics generated.", { kpi: { val_loss: valLoss, ...marginMetrics(held, "val") } });
      io.stdout.write(`Epoch ${epoch}: 100%|##########| ${steps}/${steps} [val_loss=${valLoss.toPrecision(4)}]\n`);
    }
    status("RUNNING", "Training loop in progress", {
      epoch,
      step: stepCount(),
      max_epoch: spec.num_epochs - 1,
      max_step: options.total_steps,
      time_per_epoch: timedelta(seconds),
      time_per_step: timedelta(seconds / Math.max(1, steps)),
      eta: timedelta(seconds * (spec.num_epochs - 1 - epoch)),
    });
    status("RUNNING", "Train metrics generated.", { kpi: { train_loss: loss, ...marginMetrics(rows, "train") } });
  }
}

/**
 * Accuracy and false positive rate as TAO computes them while training: at margin 2.0, which no probability exceeds, so
 * that everything counts as PASS. They say nothing; only the loss does.
 */
function marginMetrics({ targets }: Labelled, prefix: string): Record<string, number> {
  const good = targets.filter((target) => target === 0).length;
  return { [`${prefix}_acc`]: (100 * good) / targets.length, [`${prefix}_fpr`]: 0 };
}
