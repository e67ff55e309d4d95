import { join } from "node:path";
import { type Document, isMap } from "yaml";
import { readSpec } from "../data/spec.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { writeJson } from "../fs/json.ts";
import { fileFacts, kindOf, readText } from "../fs/read.ts";
import { selectBest } from "../kpi/metric-contract.ts";
import { type IterationLabel, isIterationLabel, previousLabel } from "../run/labels.ts";
import type { MetricResult } from "../run/metric.ts";
import { runPaths } from "../run/paths.ts";
import { valueAt } from "../run/record.ts";
import type { IterationState, RunState } from "../run/state.ts";
import { stagedBackbone } from "./shared/backbone.ts";
import { iterationSummary } from "./shared/iteration-summary.ts";
import { editSpec, parseSpecDocument, plainFloat, specText } from "./shared/spec-document.ts";

/** The files that a finished run hands on, or why there are none. */
export type HandOff =
  | {
      readonly outcome: "written";
      readonly iteration: IterationLabel;
      readonly best_model_json: string;
      readonly inference_spec: string;
    }
  | { readonly outcome: "skipped"; readonly reason: string };

type Finalist = {
  readonly label: IterationLabel;
  readonly checkpoint: string;
  readonly training_spec: string;
  readonly result: MetricResult;
  readonly state: IterationState;
};

/**
 * Writes `best_model.json` and `best_model_inference_spec.yaml` for the best complete iteration whose checkpoint is on
 * disk (tao-stages 5.11). Repeating it writes the same files.
 */
export async function writeBestModel(runDir: string, state: RunState): Promise<HandOff> {
  const best = await bestFinalist(state);
  if (!best) return { outcome: "skipped", reason: "no complete iteration has a checkpoint on disk" };
  const { bestModel, inferenceSpec } = runPaths(runDir);
  const document = parseSpecDocument(await readText(best.training_spec), best.training_spec);
  toInferenceSpec(document, best);
  await writeAtomic(inferenceSpec, specText(document, `inference of ${best.label} from ${best.training_spec}`));
  await writeJson(bestModel, await bestModelRecord(state, best));
  return { outcome: "written", iteration: best.label, best_model_json: bestModel, inference_spec: inferenceSpec };
}

/** The iteration whose model a run hands over as it now stands. */
export async function bestIteration(state: RunState): Promise<IterationLabel | undefined> {
  return (await bestFinalist(state))?.label;
}

async function bestFinalist(state: RunState): Promise<Finalist | undefined> {
  const all = (await finalists(state)).map((one) => ({ ...one.result, finalist: one }));
  return selectBest(state.metric_contract, all)?.finalist;
}

/** Writes `iter<N>_summary.md`, at most 300 words. @returns its path. */
export async function writeIterationSummary(runDir: string, state: RunState, label: IterationLabel): Promise<string> {
  const path = join(runDir, `${label}_summary.md`);
  const previous = previousLabel(label);
  const before = previous === undefined ? undefined : state.iterations[previous];
  const text = iterationSummary(label, state.iterations[label] ?? {}, before, state.metric_contract);
  await writeAtomic(path, text);
  return path;
}

async function finalists(state: RunState): Promise<Finalist[]> {
  const found: Finalist[] = [];
  for (const [label, iteration] of Object.entries(state.iterations)) {
    const { status, best_ckpt_path: checkpoint, metric_result: result } = iteration;
    if (!isIterationLabel(label) || status !== "complete" || checkpoint === undefined || !result) continue;
    const training_spec = iteration.training_spec ?? state.config.specs_file;
    const facts = await fileFacts(checkpoint);
    if (!facts || facts.size_bytes === 0 || (await kindOf(training_spec)) !== "file") continue;
    found.push({ label, checkpoint, training_spec, result, state: iteration });
  }
  return found;
}

async function bestModelRecord(state: RunState, best: Finalist) {
  const { config, metric_contract } = state;
  const spec = await readSpec(best.training_spec);
  const named = spec.pretrained_backbone_path;
  const staged = named === undefined ? undefined : (await stagedBackbone(config.backbone_weight_dir))(named);
  return {
    checkpoint: best.checkpoint,
    threshold: best.result.threshold ?? null,
    far_pct: best.state.far_pct ?? null,
    metric_contract,
    metric_result: best.result,
    iteration: best.label,
    backbone: staged !== undefined && (await kindOf(staged)) === "file" ? staged : null,
    backbone_container_path: named ?? null,
    backbone_type: spec.backbone_type ?? null,
    backbone_frozen: valueAt(spec.raw, "model.backbone.freeze_backbone") === true,
    images_dir: config.images_dir,
    training_spec: best.training_spec,
    engine: config.engine,
  };
}

/** Keeps what a checkpoint needs to be loaded and scored, and leaves the consumer's own paths empty. */
function toInferenceSpec(document: Document, best: Finalist): void {
  keepOnly(document, [], ["encryption_key", "task", "results_dir", "train", "model", "dataset"]);
  keepOnly(document, ["train"], ["classify"]);
  keepOnly(document, ["train", "classify"], ["loss", "cls_weight"]);
  for (const block of ["train_dataset", "validation_dataset", "test_dataset"]) {
    document.deleteIn(["dataset", "classify", block]);
  }
  const path = best.training_spec;
  const defaults = [
    ["encryption_key", "tlt_encode"],
    ["train.classify.loss", "ce"],
  ] as const;
  for (const [key, value] of defaults)
    if (document.getIn(key.split(".")) == null) editSpec(document, path, [[key, value]]);
  editSpec(document, path, [
    ["task", "classify"],
    ["results_dir", ""],
    ["dataset.classify.infer_dataset.csv_path", ""],
    ["dataset.classify.infer_dataset.images_dir", ""],
    ["dataset.classify.batch_size", 1],
    ["dataset.classify.workers", 1],
    ["dataset.classify.augmentation_config.augment", false],
    ["inference.checkpoint", "/model/best.pth"],
    ["inference.batch_size", 1],
    ["inference.results_dir", ""],
  ]);
  const { threshold } = best.result;
  if (threshold !== undefined) document.setIn(["model", "classify", "eval_margin"], plainFloat(threshold));
}

function keepOnly(document: Document, at: readonly string[], names: readonly string[]): void {
  const map = at.length === 0 ? document.contents : document.getIn(at, true);
  if (!isMap(map)) return;
  map.items = map.items.filter(({ key }) => names.includes(String(key)));
}
