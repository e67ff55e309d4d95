import { basename, dirname } from "node:path";
import type { Document } from "yaml";
import { excerpt, Refusal } from "../../errors.ts";
import { isInside, realPathSync } from "../../fs/contained.ts";
import type { RunConfig } from "../../run/state.ts";
import { stagedBackbone } from "./backbone.ts";
import { editSpec, mapTexts, parseSpecDocument, type SpecEdit, specText } from "./spec-document.ts";

/** Where a derived spec trains, on what, and from which weights. */
export type TrainingPlan = {
  readonly label: string;
  readonly iteration_dir: string;
  readonly train_dir: string;
  readonly training_csv: string;
  readonly train_images_dir: string;
  /** Best checkpoint of the previous iteration; null for the baseline. */
  readonly pretrained_model_path: string | null;
};

export type InferencePlan = {
  readonly label: string;
  readonly iteration_dir: string;
  /** The rows to score, how many, and what their paths are relative to. */
  readonly csv: string;
  readonly rows: number;
  readonly images_dir: string;
};

const dataset = "dataset.classify";

/**
 * Derives the spec of one training from the workspace's spec or from the previous iteration's exact spec.
 *
 * Container paths are rewritten to the paths they stand for, because the workspace is mounted at its own path. Beyond
 * that only the training rows, the warm start, result directories and the run's own parameters are set; comments and
 * every other key stay. Both intervals become one divisor of the epochs, so that each saved epoch is validated, the
 * last one included, and best_val means something.
 *
 * @throws Refusal `gate.path-outside-workspace`, `input.bad-yaml`, `input.bad-spec`.
 */
export function deriveTrainingSpec(
  text: string,
  path: string,
  config: RunConfig,
  backboneFile: (name: string) => string,
  plan: TrainingPlan,
): string {
  const document = parseSpecDocument(text, path);
  placePaths(document, path, config, backboneFile);
  editSpec(document, path, [
    ["results_dir", plan.iteration_dir],
    ["train.results_dir", plan.train_dir],
    ["train.resume_training_checkpoint_path", null],
    ["train.pretrained_model_path", plan.pretrained_model_path],
    [`${dataset}.train_dataset.csv_path`, plan.training_csv],
    [`${dataset}.train_dataset.images_dir`, plan.train_images_dir],
    [`${dataset}.validation_dataset.csv_path`, config.validation_csv],
    [`${dataset}.validation_dataset.images_dir`, config.images_dir],
    [`${dataset}.batch_size`, config.batch_size],
    ["train.seed", config.seed],
    ...epochEdits(document, config.num_epochs),
    ...gpuEdits(config.num_gpus),
  ]);
  return specText(document, `training of ${plan.label} from ${path}`);
}

/**
 * Derives the inference spec from the exact training spec: augmentation off, the rows to score in, one GPU (with several, TAO
 * puts scores on the wrong rows). Loss and class weights stay: the criterion is rebuilt when a checkpoint is loaded.
 */
export function deriveInferenceSpec(
  text: string,
  path: string,
  config: RunConfig,
  backboneFile: (name: string) => string,
  plan: InferencePlan,
): string {
  const document = parseSpecDocument(text, path);
  placePaths(document, path, config, backboneFile);
  editSpec(document, path, [
    ["results_dir", plan.iteration_dir],
    [`${dataset}.infer_dataset.csv_path`, plan.csv],
    [`${dataset}.infer_dataset.images_dir`, plan.images_dir],
    [`${dataset}.augmentation_config.augment`, false],
    [`${dataset}.batch_size`, Math.max(1, Math.min(config.batch_size, plan.rows))],
    ["inference.num_gpus", 1],
    ["inference.gpu_ids", [0]],
    ["inference.checkpoint", ""],
  ]);
  return specText(document, `inference of ${plan.label} from ${path}`);
}

/** The interval, in epochs, at which a derived training saves and validates: the largest divisor up to the spec's own. */
export function savingInterval(epochs: number, asked: number): number {
  for (let interval = Math.min(epochs, Math.max(1, asked)); interval > 1; interval--) {
    if (epochs % interval === 0) return interval;
  }
  return 1;
}

function epochEdits(document: Document, epochs: number): SpecEdit[] {
  const train = (key: string): unknown => document.getIn(["train", ...key.split(".")]);
  const asked = Number(train("checkpoint_interval") ?? 1);
  const interval = savingInterval(epochs, Number.isInteger(asked) ? asked : 1);
  const bySteps = train("checkpoint_interval_unit") === "step";
  const edits: SpecEdit[] = [
    ["train.num_epochs", epochs],
    ["train.validation_interval", bySteps ? 1 : interval],
  ];
  if (!bySteps) edits.push(["train.checkpoint_interval", interval]);
  const logging = train("tensorboard.infrequent_logging_frequency");
  if (typeof logging === "number" && logging >= epochs) {
    edits.push(["train.tensorboard.infrequent_logging_frequency", Math.max(1, epochs - 1)]);
    if (epochs === 1) edits.push(["train.tensorboard.enabled", false]);
  }
  return edits;
}

function gpuEdits(gpus: number): SpecEdit[] {
  if (gpus <= 1) return [];
  return [
    ["train.num_gpus", gpus],
    ["train.gpu_ids", Array.from({ length: gpus }, (_, id) => id)],
  ];
}

/** Container directories of the published recipes and what they stand for here (tao-stages 2.2). */
function containerPlaces(config: SpecPlaces): readonly (readonly [string, string])[] {
  return [
    ["/data/datasets/NV_PCB_Siamese/images", config.images_dir],
    ["/data/datasets/NV_PCB_Siamese/csv", dirname(config.training_csv)],
    ["/data/datasets/NV_PCB_Siamese/kpi", dirname(config.kpi_test_csv)],
    ["/data/workspace", config.workspace],
  ];
}

/** What the path rule of a spec needs to know of a run. */
export type SpecPlaces = Pick<
  RunConfig,
  "workspace" | "images_dir" | "backbone_weight_dir" | "training_csv" | "kpi_test_csv"
>;

/** Holds every text value of a spec against the path rule. @throws Refusal `gate.path-outside-workspace`. */
export async function requireSpecPaths(text: string, path: string, places: SpecPlaces): Promise<void> {
  placePaths(parseSpecDocument(text, path), path, places, await stagedBackbone(places.backbone_weight_dir));
}

function placePaths(
  document: Document,
  path: string,
  config: SpecPlaces,
  backboneFile: (name: string) => string,
): void {
  const places = containerPlaces(config);
  const roots = [config.workspace, config.images_dir, config.backbone_weight_dir];
  mapTexts(document, (value, key) => {
    if (key === "results_dir" && /^\/results\/?$/.test(value)) return value;
    const placed = placedPath(value, places, backboneFile);
    const why = unsafe(placed, roots);
    if (why === undefined) return placed;
    throw new Refusal("gate.path-outside-workspace", `${key} of the spec ${why}.`, {
      path,
      key,
      value: excerpt(value),
    });
  });
}

function placedPath(
  value: string,
  places: readonly (readonly [string, string])[],
  backboneFile: (name: string) => string,
): string {
  if (value.startsWith("/data/pretrained_models/")) return backboneFile(basename(value));
  const place = places.find(([container]) => value === container || value.startsWith(`${container}/`));
  return place ? place[1] + value.slice(place[0].length) : value;
}

function unsafe(value: string, roots: readonly string[]): string | undefined {
  if (value.includes("\0")) return "holds a NUL byte";
  if (value.startsWith("~/") || value === "~") return "begins with ~, which nothing expands";
  if (/\$\{[^}]*:/.test(value)) return "is computed by a resolver, which may lead anywhere";
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return "is a URL; the file must be staged";
  if (value.startsWith("/")) {
    const real = realPathSync(value);
    const inside = roots.some((root) => real !== undefined && isInside(realPathSync(root) ?? root, real));
    return inside ? undefined : "leads outside the workspace";
  }
  return value.includes("/") && value.split("/").includes("..") ? "climbs out of its directory" : undefined;
}
