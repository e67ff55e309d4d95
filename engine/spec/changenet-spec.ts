import { isRecord } from "../../server/run/record.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, realPath } from "../io.ts";
import { lookUp, numberOr, resolveValue, type SpecTree } from "./load-spec.ts";

export type Task = "train" | "inference" | "evaluate";
export type Split = "train" | "validation" | "test" | "infer";

/** What the engine needs of a Visual ChangeNet classify spec; paths are real and absolute. */
export type ChangenetSpec = {
  results_dir: string;
  num_epochs: number;
  checkpoint_interval: number;
  checkpoint_unit: "epoch" | "step";
  validation_interval: number;
  seed: number;
  lr: number;
  weight_decay: number;
  cls_weight: [number, number];
  difference_module: "learnable" | "euclidean";
  pretrained_model_path: string | undefined;
  resume_path: string | undefined;
  checkpoint: string | undefined;
  eval_margin: number;
  batch_size: number;
  fpratio_sampling: number;
  lights: string[];
  image_ext: string;
};

/**
 * Reads and checks the spec for one task, with the schema's defaults, and binds `results_dir` to the task's own directory
 * as TAO does: a `${results_dir}` elsewhere in the spec then means that directory.
 *
 * @throws EngineFailure with TAO's text for every violated constraint.
 */
export function readChangenetSpec(tree: SpecTree, task: Task, io: EngineIo): ChangenetSpec {
  const resultsDir = findResultsDir(tree, task);
  tree.results_dir = resultsDir;
  const section = isRecord(tree[task]) ? tree[task] : {};
  section.results_dir = resultsDir;
  tree[task] = section;
  const get = (path: string): unknown => resolveValue(tree, path);
  if ((text(get("task")) ?? "segment") !== "classify") {
    throw new EngineFailure("NotImplementedError", "Only task classify is supported by the embedded engine.");
  }
  const pathOf = (key: string): string | undefined => {
    const value = text(get(key));
    return value === undefined ? undefined : realPath(io, value);
  };
  const spec: ChangenetSpec = {
    results_dir: realPath(io, resultsDir),
    num_epochs: numberOr(tree, "train.num_epochs", 10),
    checkpoint_interval: numberOr(tree, "train.checkpoint_interval", 1),
    checkpoint_unit: text(get("train.checkpoint_interval_unit")) === "step" ? "step" : "epoch",
    validation_interval: numberOr(tree, "train.validation_interval", 1),
    seed: numberOr(tree, "train.seed", 1234),
    lr: numberOr(tree, "train.optim.lr", 1e-4),
    weight_decay: numberOr(tree, "train.optim.weight_decay", 0.01),
    cls_weight: classWeights(get("train.classify.cls_weight")),
    difference_module: text(get("model.classify.difference_module")) === "learnable" ? "learnable" : "euclidean",
    pretrained_model_path: pathOf("train.pretrained_model_path"),
    resume_path: pathOf("train.resume_training_checkpoint_path"),
    checkpoint: task === "train" ? undefined : pathOf(`${task}.checkpoint`),
    eval_margin: numberOr(tree, "model.classify.eval_margin", 2),
    batch_size: numberOr(tree, "dataset.classify.batch_size", 8),
    fpratio_sampling: numberOr(tree, "dataset.classify.fpratio_sampling", 0.1),
    lights: lightsOf(tree),
    image_ext: text(get("dataset.classify.image_ext")) ?? "",
  };
  checkConstraints(
    spec,
    text(get("train.classify.loss")) ?? "contrastive",
    task,
    numberOr(tree, "train.tensorboard.infrequent_logging_frequency", 1),
  );
  return spec;
}

function findResultsDir(tree: SpecTree, task: Task): string {
  const own = text(resolveValue(tree, `${task}.results_dir`));
  if (own !== undefined) return own;
  const shared = text(resolveValue(tree, "results_dir"));
  if (shared !== undefined) return `${shared.replace(/\/$/, "")}/${task}`;
  throw new EngineFailure(
    "ValueError",
    `You need to set at least one of following fields: results_dir, ${task}.results_dir`,
  );
}

/** CSV and images root of one split; `undefined` when the spec names no CSV. */
export function splitOf(
  tree: SpecTree,
  split: Split,
  io: EngineIo,
): { csv_path: string; images_dir: string } | undefined {
  const base = `dataset.classify.${split}_dataset`;
  const csv = text(resolveValue(tree, `${base}.csv_path`));
  if (csv === undefined) return undefined;
  return {
    csv_path: realPath(io, csv),
    images_dir: realPath(io, text(resolveValue(tree, `${base}.images_dir`)) ?? ""),
  };
}

function lightsOf(tree: SpecTree): string[] {
  const map = lookUp(tree, "dataset.classify.input_map");
  return isRecord(map) ? Object.keys(map) : [];
}

function checkConstraints(spec: ChangenetSpec, loss: string, task: Task, logFrequency: number): void {
  if (loss === "contrastive" && spec.difference_module !== "euclidean") {
    throw new EngineFailure("AssertionError", "Contrastive loss only supports Euclidean distance module");
  }
  if (loss === "ce" && spec.difference_module !== "learnable") {
    throw new EngineFailure("AssertionError", "CE (Cross Entropy) loss only supports learnable distance module");
  }
  if (task !== "train") return;
  const { num_epochs: epochs, checkpoint_interval: interval } = spec;
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new EngineFailure("ValueError", `train.num_epochs must be a whole number of at least 1, not ${epochs}`);
  }
  if (spec.checkpoint_unit === "epoch" && interval > epochs) {
    throw new EngineFailure("AssertionError", `Checkpoint interval ${interval} > Number of epochs ${epochs}`);
  }
  if (spec.validation_interval > epochs) {
    throw new EngineFailure(
      "AssertionError",
      `Validation interval ${spec.validation_interval} > Number of epochs ${epochs}`,
    );
  }
  if (logFrequency > epochs) {
    throw new EngineFailure(
      "AssertionError",
      `infrequent_logging_frequency ${logFrequency} must be < num_epochs ${epochs}`,
    );
  }
  if (spec.batch_size <= 1) throw new EngineFailure("AssertionError", "Training batch size must be greater than 1.");
}

function text(value: unknown): string | undefined {
  return value === undefined || value === null || value === "" ? undefined : String(value);
}

function classWeights(value: unknown): [number, number] {
  if (value === undefined || value === null) return [1, 10];
  if (Array.isArray(value) && value.length === 2 && value.every((weight) => Number(weight) >= 0)) {
    return [Number(value[0]), Number(value[1])];
  }
  throw new EngineFailure("ValueError", "train.classify.cls_weight must hold one weight per class (2)");
}
