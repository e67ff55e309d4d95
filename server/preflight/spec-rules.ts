import type { TrainSpec } from "../data/spec.ts";
import type { Program } from "../run/platform-traits.ts";
import { valueAt } from "../run/record.ts";

/** A value in a spec that TAO would refuse, or silently do something else with. */
export type SpecProblem = { readonly key: string; readonly problem: string };

const lossPartner: Readonly<Record<string, string>> = { ce: "learnable", contrastive: "euclidean" };

/**
 * The published constraints of a classify spec that need no data (tao-stages 3.7, 1.7), in the order of the spec.
 *
 * Intervals and logging frequency are not looked at: every derived spec brings them in line with the epochs.
 */
export function specProblems(spec: TrainSpec, program: Program | undefined): SpecProblem[] {
  const read = (key: string) => valueAt(spec.raw, key);
  const problems = [
    resultsDirProblem(read("results_dir")),
    lossProblem(read("train.classify.loss"), read("model.classify.difference_module")),
    classWeightProblem(read("train.classify.cls_weight"), read("dataset.classify.num_classes")),
    rangeProblem("model.classify.learnable_difference_modules", read, 1, 4),
    rangeProblem("dataset.classify.fpratio_sampling", read, 0, 1),
    batchProblem(spec.batch_size),
    ...(program === "tao" ? backboneProblems(spec, read) : []),
  ];
  return problems.filter((problem) => problem !== undefined);
}

type Read = (key: string) => unknown;

/** The template's placeholder is replaced at launch; any other container path would shift every output. */
function resultsDirProblem(value: unknown): SpecProblem | undefined {
  if (typeof value !== "string" || !value.startsWith("/results") || /^\/results\/?$/.test(value)) return undefined;
  return { key: "results_dir", problem: "must be the placeholder /results or absent; the server sets it" };
}

function lossProblem(loss: unknown, difference: unknown): SpecProblem | undefined {
  const given = typeof loss === "string" ? loss : "contrastive";
  const partner = lossPartner[given];
  if (partner === undefined) return { key: "train.classify.loss", problem: "must be ce or contrastive" };
  if ((difference ?? "euclidean") === partner) return undefined;
  return { key: "train.classify.loss", problem: `${given} needs model.classify.difference_module ${partner}` };
}

function classWeightProblem(weights: unknown, classes: unknown): SpecProblem | undefined {
  if (weights === undefined || weights === null) return undefined;
  const count = typeof classes === "number" ? classes : 2;
  if (Array.isArray(weights) && weights.length === count) return undefined;
  return { key: "train.classify.cls_weight", problem: `must list one weight for each of ${count} classes` };
}

function rangeProblem(key: string, read: Read, low: number, high: number): SpecProblem | undefined {
  const value = read(key);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && value >= low && value <= high) return undefined;
  return { key, problem: `must lie between ${low} and ${high}` };
}

function batchProblem(batch: number): SpecProblem | undefined {
  return batch > 1 ? undefined : { key: "dataset.classify.batch_size", problem: "must be at least 2 for training" };
}

function backboneProblems(spec: TrainSpec, read: Read): SpecProblem[] {
  const key = "model.backbone.pretrained_backbone_path";
  const path = spec.pretrained_backbone_path;
  const problems: SpecProblem[] = [];
  if (path === undefined) problems.push({ key, problem: "is empty; the backbone would start from chance" });
  else if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) problems.push({ key, problem: "is a URL; it must be a local file" });
  const frozen = read("model.backbone.freeze_backbone") === true;
  if (/dinov3/.test(spec.backbone_type ?? "") && !frozen) {
    problems.push({ key: "model.backbone.freeze_backbone", problem: "must be true for a DINOv3 backbone" });
  }
  return problems;
}
