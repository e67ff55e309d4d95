import { keptAnswer } from "../../data/kept-images.ts";
import { labelFindings } from "../../data/sanity/labels.ts";
import { canonicalJson, sha256OfFile } from "../../fs/hash.ts";
import { stampOf } from "../../fs/stamp.ts";
import { workspacePaths } from "../../run/paths.ts";
import { type PoolSource, poolLines } from "../../stages/shared/mining-pool.ts";
import { resolvePool } from "../../stages/shared/pool-resolver.ts";
import { notNeeded, ok } from "../findings.ts";
import { countLabel, labelText, rankedCounts } from "../label-counts.ts";
import type { Findings, PoolFacts, Step } from "../survey.ts";
import { inputPath } from "../workspace.ts";

/** The rows that mining draws from: at least one, and each leads to exactly one image. */
export const miningPoolStep: Step = {
  id: "mining_pool",
  title: "Mining pool",
  async look(survey): Promise<Findings> {
    if (survey.request.synthetic_only === true) {
      return notNeeded("declared synthetic-only: nothing is mined");
    }
    const { spec, images_dir } = survey;
    const path = await inputPath(survey.workspace, workspacePaths(survey.workspace).poolCsv, "mining pool");
    if (spec === undefined || images_dir === undefined) {
      for await (const _row of poolLines(path));
      return {};
    }
    const { lightings, image_ext } = spec.content;
    const source = { csv_path: path, images_dir, filepath_root: images_dir, lightings, image_ext };
    const pool = await countedPool(source);
    const { rows, labels } = pool;
    const warnings = labelFindings(new Map(Object.entries(labels))).map(({ text }) => `${path}: ${text}.`);
    return ok(`${rows} rows (${labelText(labels)})`, { found: { pool }, warnings });
  },
};

/** The rows of a pool, all of which lead to an image; an unchanged table over unchanged directories is not read again. */
async function countedPool(source: PoolSource): Promise<PoolFacts> {
  const path = source.csv_path;
  const sha256 = await sha256OfFile(path).catch(() => undefined);
  const make = async () => {
    const counts = new Map<string, number>();
    const directories = new Map<string, string>();
    let rows = 0;
    for await (const row of resolvePool(source, (directory) => directories.set(directory, stampOf(directory)))) {
      rows++;
      countLabel(counts, row);
    }
    return { rows, labels: rankedCounts(counts), directories };
  };
  const { rows, labels } = await keptAnswer(
    "pool",
    sha256 && canonicalJson([sha256, source]),
    make,
    ({ directories }) => [...directories].every(([directory, stamp]) => stampOf(directory) === stamp),
  );
  return { path, sha256: sha256 ?? (await sha256OfFile(path)), rows, labels };
}
