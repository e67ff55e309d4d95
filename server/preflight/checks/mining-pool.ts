import { labelFindings } from "../../data/sanity/labels.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { kindOf } from "../../fs/read.ts";
import { workspacePaths } from "../../run/paths.ts";
import { poolLines } from "../../stages/shared/mining-pool.ts";
import { resolvePool } from "../../stages/shared/pool-resolver.ts";
import { notNeeded, ok } from "../findings.ts";
import { countLabel, labelText, rankedCounts } from "../label-counts.ts";
import type { Findings, Step, Survey } from "../survey.ts";
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
    const counts = new Map<string, number>();
    let rows = 0;
    const source = { csv_path: path, images_dir, filepath_root: images_dir, lightings, image_ext };
    for await (const row of resolvePool(source)) {
      rows++;
      countLabel(counts, row);
    }
    const labels = rankedCounts(counts);
    const pool = { path, sha256: await sha256OfFile(path), rows, labels };
    const own = await ownEmbeddings(survey);
    const warnings = labelFindings(new Map(Object.entries(labels))).map(({ text }) => `${path}: ${text}.`);
    if (own === undefined) return ok(`${rows} rows (${labelText(labels)})`, { found: { pool }, warnings });
    const detail = `${rows} rows (${labelText(labels)}), embeddings from ${own.path}`;
    return ok(detail, { found: { pool, embeddings: own }, warnings });
  },
};

/** Vectors of the workspace's images that were computed elsewhere: the embedded engine mines by them. */
async function ownEmbeddings({ workspace, program }: Survey): Promise<Survey["embeddings"]> {
  const { poolEmbeddings } = workspacePaths(workspace);
  if (program !== "engine" || (await kindOf(poolEmbeddings)) !== "file") return undefined;
  const path = await inputPath(workspace, poolEmbeddings, "embeddings of the mining pool");
  return { path, sha256: await sha256OfFile(path) };
}
