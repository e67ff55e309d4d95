import type { Gap } from "../../kpi/gaps.ts";
import { applyCosineFloor, type CosineFloor, defaultMinSimilarity, withWeak } from "../../kpi/mining.ts";
import { minedIdentity } from "../../kpi/mining-history.ts";
import type { MiningChoice, MiningChosen } from "../../kpi/mining-rule.ts";
import type { StageContext } from "../../ports/stage.ts";
import { defined } from "../../run/defined.ts";
import { iterationNumber } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { readHistory } from "./history-file.ts";
import { scoresPool } from "./mining-jobs.ts";
import { poolImages } from "./mining-pool.ts";
import { readTables } from "./mining-record.ts";
import type { Pool } from "./pool-rows.ts";
import { readPoolScores } from "./pool-scores.ts";

/** What the server chose, as candidates that all reach the floor, and the counts that explain every other pool row. */
export type Choice = {
  readonly floor: CosineFloor;
  readonly counts: MiningChosen["counts"] & { readonly pool: number };
};

/** Chooses among the pool rows that no earlier iteration mined (server/kpi/mining-rule.ts). */
export async function chooseFromPool(context: StageContext, pool: Pool, gaps: readonly Gap[]): Promise<Choice> {
  const { config, max_iterations } = context.state;
  const iteration = iterationNumber(context.iteration);
  const min_similarity = config.mining_filter.min_similarity ?? defaultMinSimilarity;
  const scores = scoresPool(context, pool) ? await readPoolScores(context, pool) : undefined;
  const choice: MiningChoice = {
    free: await freeImages(context, pool),
    weak: new Map(gaps.map(({ filepath, label, siamese_score: score }) => [filepath, { label, score }])),
    pool_scores: { get: (path) => finite(scores?.[pool.rowOf(path)]) },
    min_similarity,
    iteration,
    iterations_left: max_iterations - iteration + 1,
    ...defined({ rows: config.mining_filter.rows_per_iteration, pass_pct: config.mining_filter.mined_pass_pct }),
    weak_samples: Math.ceil(gaps.length / Math.max(1, pool.layout.lightings.length)),
  };
  const { nearest, like, counts } = await readTables(context, choice);
  // The floor holds here as for rows that a job chose: whoever compared, it is what the plan promised.
  const held = applyCosineFloor([...nearest.keys()], nearest, min_similarity);
  const floor = { ...held, kept: withWeak(held.kept, like) };
  return { floor, counts: { free: 0, in_reach: 0, wanted: 0, rounds: 0, ...counts, pool: distinctImages(pool) } };
}

const finite = (score: number | undefined) => (Number.isFinite(score) ? score : undefined);

/** The labels of the rows that no earlier iteration took, by the path of their first image. */
async function freeImages(context: StageContext, pool: Pool): Promise<MiningChoice["free"]> {
  const history = await readHistory(runPaths(context.runDir).miningHistory, iterationNumber(context.iteration));
  const taken = new Set(history.iterations.flatMap((entry) => entry.selected_filepaths.map(minedIdentity)));
  return {
    get(path) {
      const at = pool.rowOf(path);
      if (at < 0 || taken.has(minedIdentity(path))) return undefined;
      const row = pool.row(at);
      return poolImages(row, pool.layout)[0]?.input === path ? row.label : undefined;
    },
  };
}

/** A pool may name an image in several rows; its last row counts. */
function distinctImages(pool: Pool): number {
  let images = 0;
  for (let at = 0; at < pool.size; at++) {
    if (pool.rowOf(poolImages(pool.row(at), pool.layout)[0]?.input ?? "") === at) images++;
  }
  return images;
}
