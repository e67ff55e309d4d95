import type { Plan } from "../run/state.ts";
import type { Ready } from "./config.ts";
import type { CsvFacts } from "./survey.ts";

/**
 * The resolved inputs as the plan keeps and hashes them: files by path and content, images by count, and what is
 * still to be fetched by its address.
 */
export function planInputs(ready: Ready): Plan["inputs"] {
  const { spec, csvs, pool, generator } = ready;
  const rows = Object.values(csvs).reduce((sum, csv) => sum + csv.table.rows.length, 0);
  return {
    spec: { path: spec.path, sha256: spec.sha256 },
    training_csv: csvInput(csvs.training_csv),
    validation_csv: csvInput(csvs.validation_csv),
    kpi_csv: csvInput(csvs.kpi_csv),
    images: { path: ready.images_dir, rows, files: ready.image_files ?? 0 },
    mining_pool: pool === undefined ? {} : csvInput(pool),
    generator: {
      ...(generator === undefined ? {} : generatorInput(generator)),
      ...(ready.fetches.length === 0 ? {} : { fetch: [...ready.fetches] }),
    },
  };
}

function csvInput({ path, sha256, table, labels }: CsvFacts): Plan["inputs"][string] {
  return { path, sha256, rows: table.rows.length, labels };
}

function generatorInput(generator: NonNullable<Ready["generator"]>): Plan["inputs"][string] {
  const { project, dataset_dir, sha256, defect_types, step } = generator;
  return { project, path: dataset_dir, sha256, defect_types, ...(step === undefined ? {} : { step }) };
}
