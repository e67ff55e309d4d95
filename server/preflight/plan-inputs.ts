import { defined } from "../run/defined.ts";
import type { Plan } from "../run/state.ts";
import type { Ready } from "./config.ts";
import { type CsvFacts, csvRoles } from "./survey.ts";

/**
 * The resolved inputs as the plan keeps and hashes them: files by path and content, images by count, and what is
 * still to be fetched by its address.
 */
export function planInputs(ready: Ready): Plan["inputs"] {
  const { spec, csvs, pool, generator } = ready;
  const rows = Object.values(csvs).reduce((sum, csv) => sum + csv.rows, 0);
  return {
    spec: { path: spec.path, sha256: spec.sha256 },
    training_csv: csvInput(csvs.training_csv),
    validation_csv: csvInput(csvs.validation_csv),
    kpi_csv: csvInput(csvs.kpi_csv),
    ...defined({ holdout_csv: csvs.holdout_csv && csvInput(csvs.holdout_csv) }),
    images: { path: ready.images_dir, rows, files: countFiles(ready) },
    mining_pool: pool === undefined ? {} : { ...pool },
    ...defined({ embeddings: ready.embeddings && { ...ready.embeddings } }),
    generator: {
      ...(generator === undefined ? {} : generatorInput(generator)),
      ...(ready.fetches.length === 0 ? {} : { fetch: [...ready.fetches] }),
    },
    ...defined({ containers: ready.containers && containerInputs(ready.containers) }),
    ...defined({ backbone: ready.backbone && { ...ready.backbone } }),
  };
}

/** Images by content where they are here, and as intent where they will be pulled. */
function containerInputs(containers: NonNullable<Ready["containers"]>): Plan["inputs"][string] {
  const absent = Object.values(containers).filter((image) => image.id === undefined);
  const images = Object.entries(containers).map(([key, { uri, id, digest }]) => [
    key,
    { uri, ...defined({ id, digest }) },
  ]);
  return { ...Object.fromEntries(images), ...(absent.length === 0 ? {} : { fetch: absent.map(({ uri }) => uri) }) };
}

/** Distinct image files that the base rows name. */
function countFiles({ sides }: Ready): number {
  if (sides === undefined) return 0;
  const seen = new Uint8Array(sides.index.size());
  for (const role of csvRoles) {
    for (const images of [sides[role]?.input ?? [], sides[role]?.golden ?? []])
      for (const image of images) seen[image] = 1;
  }
  return seen.reduce((sum, one) => sum + one, 0);
}

function csvInput({ path, sha256, rows, labels, relabelled }: CsvFacts): Plan["inputs"][string] {
  return { path, sha256, rows, labels, ...defined({ relabelled }) };
}

function generatorInput(generator: NonNullable<Ready["generator"]>): Plan["inputs"][string] {
  const { project, dataset_dir, sha256, defect_types, step } = generator;
  return { project, path: dataset_dir, sha256, defect_types, ...defined({ step }) };
}
