import { Refusal } from "../errors.ts";
import { readText } from "../fs/read.ts";
import { defined } from "../run/defined.ts";
import type { ImageLayout } from "../run/images.ts";
import { isRecord, valueAt } from "../run/record.ts";
import { yamlDocument, yamlLimits } from "./yaml.ts";

/** One dataset block of a train spec; paths as written, usually those inside the training container. */
export type DatasetBlock = { readonly csv_path?: string; readonly images_dir?: string };

/** What the loop uses of a TAO train spec. `raw` is the whole spec, for deriving another one. */
export type TrainSpec = {
  readonly raw: Readonly<Record<string, unknown>>;
  /** `input_map` keys in the order of the file; empty without `input_map`. */
  readonly lightings: readonly string[];
  readonly image_ext: string;
  readonly num_epochs: number;
  readonly batch_size: number;
  readonly num_gpus: number;
  readonly num_input: number | undefined;
  readonly concat_type: string | undefined;
  readonly backbone_type: string | undefined;
  readonly pretrained_backbone_path: string | undefined;
  readonly results_dir: string | undefined;
  readonly datasets: Readonly<Record<"train" | "validation" | "test" | "infer", DatasetBlock>>;
};

/**
 * Reads the train spec of Visual ChangeNet (classify); absent keys take the defaults of its published schema.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-yaml`, `input.bad-spec` naming the key, `input.spec-automl`.
 */
export async function readSpec(path: string): Promise<TrainSpec> {
  return parseSpec(await readText(path), path);
}

/** `readSpec` on text; `path` is for messages. */
export function parseSpec(text: string, path: string): TrainSpec {
  const { plain, ordered } = parseYaml(text, path);
  if (!isRecord(plain)) throw badSpec(path, "the whole file", "is not a mapping");
  refuseAutoml(plain, path);
  const lookup = (key: string) => valueAt(plain, key);
  const classify = lookup("dataset.classify");
  if (!isRecord(classify)) throw badSpec(path, "dataset.classify", "is missing; only task classify is supported");
  const task = lookup("task");
  if (task !== undefined && task !== "classify") throw badSpec(path, "task", "must be classify");
  return {
    raw: plain,
    ...inputsOf(path, classify, ordered),
    image_ext: imageExtension(path, classify.image_ext),
    num_epochs: positive(path, "train.num_epochs", lookup("train.num_epochs"), 10),
    batch_size: positive(path, "dataset.classify.batch_size", classify.batch_size, 8),
    num_gpus: positive(path, "train.num_gpus", lookup("train.num_gpus"), 1),
    concat_type: optional(path, "dataset.classify.concat_type", classify.concat_type, "string"),
    backbone_type: optional(path, "model.backbone.type", lookup("model.backbone.type"), "string"),
    pretrained_backbone_path: optional(
      path,
      "model.backbone.pretrained_backbone_path",
      lookup("model.backbone.pretrained_backbone_path"),
      "string",
    ),
    results_dir: optional(path, "results_dir", lookup("results_dir"), "string"),
    datasets: {
      train: datasetBlock(path, "train", classify),
      validation: datasetBlock(path, "validation", classify),
      test: datasetBlock(path, "test", classify),
      infer: datasetBlock(path, "infer", classify),
    },
  };
}

/** The image layout of a spec on this machine. */
export function layoutOf(spec: TrainSpec, imagesDir: string): ImageLayout {
  return { images_dir: imagesDir, lightings: spec.lightings, image_ext: spec.image_ext };
}

function parseYaml(text: string, path: string): { plain: unknown; ordered: unknown } {
  const document = yamlDocument(text, path, { merge: true });
  const maxAliasCount = yamlLimits.aliases;
  return { plain: document.toJS({ maxAliasCount }), ordered: document.toJS({ maxAliasCount, mapAsMap: true }) };
}

function inputsOf(
  path: string,
  classify: Record<string, unknown>,
  ordered: unknown,
): Pick<TrainSpec, "lightings" | "num_input"> {
  const lightings = lightingsOf(ordered, path);
  const num_input = optional(path, "dataset.classify.num_input", classify.num_input, "number");
  if (lightings.length > 0 && num_input !== undefined && num_input !== lightings.length) {
    throw badSpec(
      path,
      "dataset.classify.num_input",
      `is ${num_input}, but input_map has ${lightings.length} lightings`,
    );
  }
  return { lightings, num_input };
}

/** A JavaScript object would move number-like keys to the front, so the order is read from maps. */
function lightingsOf(ordered: unknown, path: string): string[] {
  let at = ordered;
  for (const key of ["dataset", "classify", "input_map"]) at = at instanceof Map ? at.get(key) : undefined;
  if (at === undefined || at === null) return [];
  if (!(at instanceof Map) || at.size === 0) throw badSpec(path, "dataset.classify.input_map", "is not a mapping");
  return Array.from(at.keys(), (key) => {
    if (typeof key !== "string" || !/^[\w.+-]+$/.test(key)) {
      throw badSpec(path, "dataset.classify.input_map", "has a lighting that is no plain name");
    }
    return key;
  });
}

function refuseAutoml(value: unknown, path: string, trail: readonly string[] = []): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    const here = [...trail, key];
    if (key === "automl_policy" || key === "workflow") {
      throw new Refusal("input.spec-automl", `${path} configures AutoML.`, { path, key: here.join(".") });
    }
    refuseAutoml(member, path, here);
  }
}

function datasetBlock(path: string, name: string, classify: Record<string, unknown>): DatasetBlock {
  const key = `${name}_dataset`;
  const block = classify[key];
  if (!isRecord(block)) return {};
  const csv_path = optional(path, `dataset.classify.${key}.csv_path`, block.csv_path, "string");
  const images_dir = optional(path, `dataset.classify.${key}.images_dir`, block.images_dir, "string");
  return defined({ csv_path, images_dir });
}

function imageExtension(path: string, value: unknown): string {
  const extension = value ?? ".jpg";
  if (typeof extension === "string" && /^\.\w+$/.test(extension)) return extension;
  throw badSpec(path, "dataset.classify.image_ext", "must be a dot and letters, like .jpg");
}

function positive(path: string, key: string, value: unknown, fallback: number): number {
  const found = value ?? fallback;
  if (typeof found === "number" && Number.isInteger(found) && found >= 1) return found;
  throw badSpec(path, key, "must be a whole number of at least 1");
}

type Kinds = { string: string; number: number };

function optional<K extends keyof Kinds>(path: string, key: string, value: unknown, kind: K): Kinds[K] | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === kind) return value as Kinds[K];
  throw badSpec(path, key, `must be a ${kind}`);
}

function badSpec(path: string, key: string, problem: string): Refusal {
  return new Refusal("input.bad-spec", `In ${path}, ${key} ${problem}.`, { path, key });
}
