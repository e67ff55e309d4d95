import { sha256OfFile } from "../../fs/hash.ts";
import { workspacePaths } from "../../run/paths.ts";
import { readPool } from "../../stages/shared/mining-pool.ts";
import { resolvePool } from "../../stages/shared/pool-resolver.ts";
import { notNeeded, ok } from "../findings.ts";
import { labelCounts, labelText } from "../label-counts.ts";
import type { Findings, Step } from "../survey.ts";
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
    await readPool(path);
    if (spec === undefined || images_dir === undefined) return {};
    const { lightings, image_ext } = spec.content;
    const rows = await resolvePool({ csv_path: path, images_dir, filepath_root: images_dir, lightings, image_ext });
    const labels = labelCounts(rows);
    const pool = { path, sha256: await sha256OfFile(path), rows: rows.length, labels };
    return ok(`${rows.length} rows (${labelText(labels)})`, { found: { pool } });
  },
};
