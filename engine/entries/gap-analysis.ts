import { join } from "node:path";
import { tableRows } from "../../server/data/csv.ts";
import { writeGapTable } from "../../server/data/gap-files.ts";
import { readInferenceTable } from "../../server/data/inference.ts";
import { makeDirectory, writeAtomic } from "../../server/fs/atomic.ts";
import { kindOf } from "../../server/fs/read.ts";
import { analyseGaps, breakdownText, expandLightings } from "../../server/kpi/gaps.ts";
import { pythonFloat } from "../../server/kpi/python-text.ts";
import { isRecord } from "../../server/run/record.ts";
import { EngineFailure } from "../failure.ts";
import { type EngineIo, realPath } from "../io.ts";
import {
  composeSpec,
  type KnownKeys,
  lookUp,
  numberOr,
  requiredText,
  resolveValue,
  type SpecTree,
} from "../spec/load-spec.ts";
import { runDataTask } from "../task.ts";

const known: KnownKeys = {
  "": {
    schema: "ExperimentConfig",
    keys: [
      ...["inference_results_dir", "train_config", "kpi_media_path", "threshold", "min_recall", "top_k_per_label"],
      ...["results_dir", "encryption_key"],
    ],
  },
};
const needed = ["input_path", "object_name", "label", "siamese_score"] as const;

/** `gap_analysis vcn_aoi`: chooses the threshold and writes the weakest KPI rows of each label, one a lighting. */
export function gapAnalysis(args: string[], io: EngineIo): Promise<number> {
  return runDataTask("vcn_aoi", args, io, known, (tree) => analyse(tree, io));
}

async function analyse(tree: SpecTree, io: EngineIo): Promise<void> {
  const csv = join(realPath(io, requiredText(tree, "inference_results_dir")), "inference.csv");
  const config = composeSpec(realPath(io, requiredText(tree, "train_config")), [], {});
  const results = realPath(io, requiredText(tree, "results_dir"));
  const minRecall = numberOr(tree, "min_recall", 1);
  const topK = numberOr(tree, "top_k_per_label", 50);
  const pinned = numberOr(tree, "threshold", -1);
  if ((await kindOf(csv)) !== "file") {
    throw new EngineFailure("FileNotFoundError", `Expected inference CSV at ${csv}`);
  }
  await requireColumns(csv);
  const table = await readInferenceTable(csv);
  const analysis = analyseGaps(table, { minRecall, topK, threshold: pinned });
  if (analysis === undefined) {
    throw new EngineFailure(
      "ValueError",
      `No threshold achieves ${Math.round(minRecall * 1e4) / 100}% recall on the NO_PASS class.`,
    );
  }
  const media = String(resolveValue(tree, "kpi_media_path") ?? "");
  const lights = lookUp(config, "dataset.classify.input_map");
  const gaps = expandLightings(analysis.ranked, {
    images_dir: media === "" ? "" : realPath(io, media),
    lightings: isRecord(lights) ? Object.keys(lights) : [],
    image_ext: String(resolveValue(config, "dataset.classify.image_ext") ?? ""),
  });
  await makeDirectory(results);
  await writeGapTable(join(results, "kpi_gaps.parquet"), gaps);
  if (pinned < 0) await writeAtomic(join(results, "threshold.txt"), pythonFloat(analysis.threshold));
  await writeAtomic(join(results, "weak_samples_breakdown.txt"), breakdownText(analysis, table.rows, topK));
  io.stdout.write(`Threshold ${pythonFloat(analysis.threshold)}: ${gaps.length} weak sample images\n`);
}

/** @throws EngineFailure in the words of the container for columns that lack, and for a table without rows. */
async function requireColumns(path: string): Promise<void> {
  for await (const { header } of tableRows(path)) {
    const missing = needed.filter((column) => !header.includes(column));
    if (missing.length > 0) throw new EngineFailure("KeyError", `[${missing.map((name) => `'${name}'`).join(", ")}]`);
    return;
  }
  throw new EngineFailure("ValueError", `Inference CSV at ${path} contains no rows.`);
}
