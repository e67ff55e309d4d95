import { join, relative } from "node:path";
import { type ChangeNetRow, readChangeNet, writeChangeNet } from "../../data/changenet.ts";
import type { StageContext } from "../../ports/stage.ts";
import { runPaths } from "../../run/paths.ts";
import { asEvidence } from "./evidence.ts";

/** What an iteration adds to the training rows, and where its files lie. */
export function contributionPaths(context: StageContext) {
  const iterationDir = runPaths(context.runDir).iteration(context.iteration);
  const dir = join(iterationDir, "mining_filter");
  const imagesDir = join(iterationDir, "dataset", "images");
  return {
    dir,
    /** Pairs as generated, relative to `images_dir`, and the same rows relative to the workspace. */
    sdg_rows_raw: join(dir, "sdg_rows_raw.csv"),
    sdg_rows: join(dir, "sdg_rows.csv"),
    ingest_summary: join(dir, "ingest_summary.json"),
    /** Generated and mined rows together, relative to the workspace: what data_merge adds. */
    mining_pool: join(dir, "mining_pool.csv"),
    knn_summary: join(dir, "knn_summary.csv"),
    images_dir: imagesDir,
    /** Put before a path relative to `images_dir`, it makes one relative to the workspace. */
    images_prefix: relative(context.state.config.workspace, imagesDir),
  };
}

/** Generated rows of this iteration; none when generation was skipped. */
export async function readGenerated(context: StageContext): Promise<readonly ChangeNetRow[]> {
  const { sdg_rows } = contributionPaths(context);
  return (await asEvidence(sdg_rows, () => readChangeNet(sdg_rows))).rows;
}

/** Replaces the contribution: the generated rows, followed by `mined`. Written whole, so that a repeat changes nothing. */
export async function writeContribution(context: StageContext, mined: readonly ChangeNetRow[]): Promise<number> {
  const rows = [...(await readGenerated(context)), ...mined];
  await writeChangeNet(contributionPaths(context).mining_pool, rows);
  return rows.length;
}
