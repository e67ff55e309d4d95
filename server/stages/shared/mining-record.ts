import { writeTable } from "../../data/csv.ts";
import {
  applyCosineFloor,
  type CosineFloor,
  defaultMinSimilarity,
  knnSummaryTable,
  type Mined,
  withWeak,
} from "../../kpi/mining.ts";
import { filterByHistory, type HistoryFilter } from "../../kpi/mining-history.ts";
import type { EmbeddingFacts, StageContext } from "../../ports/stage.ts";
import { iterationNumber } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { contributionPaths } from "./contribution.ts";
import { assertEmbeds, readMinedPaths, writeMined } from "./embedding-files.ts";
import { missing, requireFresh } from "./evidence.ts";
import { readHistory, recordHistory } from "./history-file.ts";
import { byFirstLighting } from "./mined-rows.ts";
import { miningPlaces } from "./mining-places.ts";
import type { Pool } from "./pool-rows.ts";

/** Reads both embedding tables of this attempt, proven to be those of its inputs. @throws Refusal `stage.evidence-missing`. */
export async function readTables(
  context: StageContext,
  asked: Parameters<StageContext["readEmbeddings"]>[1],
): Promise<EmbeddingFacts> {
  const places = miningPlaces(context);
  const tables = { source: places.source_embeddings, targets: places.target_embeddings };
  await requireFresh(context, tables.targets);
  await requireFresh(context, tables.source);
  const facts = await context.readEmbeddings(tables, asked);
  await assertEmbeds(tables.targets, facts.targets, places.targets);
  await assertEmbeds(tables.source, facts.source, places.source);
  return facts;
}

/** Reads what the vendor's three jobs left and applies the cosine floor; the k-NN answer holds paths only. */
export async function applyFloor(context: StageContext): Promise<CosineFloor> {
  const places = miningPlaces(context);
  await requireFresh(context, places.mined_raw);
  const mined = await readMinedPaths(places.mined_raw);
  const { targets, nearest, like } = await readTables(context, mined);
  const { top_k_per_target, min_similarity } = context.state.config.mining_filter;
  const floor = applyCosineFloor(mined, nearest, min_similarity ?? defaultMinSimilarity);
  if (floor.unknown.length > 0) {
    const facts = { count: floor.unknown.length, examples: floor.unknown.slice(0, 5) };
    throw missing(places.mined_raw, "names images outside the pool", facts);
  }
  if (mined.length > targets.size * top_k_per_target) {
    throw missing(places.mined_raw, "has more rows than asked for", { rows: mined.length, targets: targets.size });
  }
  return { ...floor, kept: withWeak(floor.kept, like) };
}

/** Writes candidates, mined rows, counts and the ledger. */
export async function recordMining(
  context: StageContext,
  floor: CosineFloor,
  pool: Pool,
  chosen?: Readonly<Record<string, number>>,
): Promise<HistoryFilter<Mined>> {
  const places = miningPlaces(context);
  const iteration = iterationNumber(context.iteration);
  const history = await readHistory(runPaths(context.runDir).miningHistory, iteration);
  const filter: HistoryFilter<Mined> = filterByHistory(byFirstLighting(floor.kept, pool), history);
  await writeMined(places.candidates, floor.kept);
  await writeMined(places.mined, filter.selected);
  const summary = knnSummaryTable(floor);
  for (const path of [places.knn_summary, contributionPaths(context).knn_summary]) {
    await writeTable(path, summary.header, summary.rows);
  }
  await recordHistory(
    { history: runPaths(context.runDir).miningHistory, summary: places.history_summary },
    history,
    {
      iteration,
      topn: context.state.config.mining_filter.top_k_per_target,
      rule: context.state.config.mining_filter.rule,
      chosen,
      files: { candidate_parquet: places.candidates, output_parquet: places.mined, summary_file: places.knn_summary },
    },
    filter,
  );
  return filter;
}
