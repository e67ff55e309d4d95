import { join } from "node:path";
import { changeNetRows } from "../data/changenet.ts";
import { readGapTable } from "../data/gap-files.ts";
import { quoted } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import type { Gap } from "../kpi/gaps.ts";
import { type CosineFloor, defaultMinSimilarity, type Mined, yieldWarning } from "../kpi/mining.ts";
import type { HistoryFilter } from "../kpi/mining-history.ts";
import { labelsAbsentFromPool } from "../kpi/routing.ts";
import type { Evidence, LeakageFacts, Stage, StageContext } from "../ports/stage.ts";
import { imagesOf, normalPath } from "../run/images.ts";
import { iterationNumber, previousLabel } from "../run/labels.ts";
import { isPass } from "../run/pass-labels.ts";
import { runPaths } from "../run/paths.ts";
import { recorded } from "./shared/committed.ts";
import { contributionPaths, readGenerated, writeContribution } from "./shared/contribution.ts";
import { type EmbeddingInput, writeEmbeddingInput } from "./shared/embedding-files.ts";
import { asEvidence, missing, requireJobs } from "./shared/evidence.ts";
import { trainingRows } from "./shared/mined-rows.ts";
import { type Added, type Found, reachOf, rowFacts, yieldWarnings } from "./shared/mining-account.ts";
import { chooseFromPool } from "./shared/mining-choice.ts";
import { miningJobs, miningRule, miningSpecs, scoresPool } from "./shared/mining-jobs.ts";
import { miningPlaces } from "./shared/mining-places.ts";
import { poolImages } from "./shared/mining-pool.ts";
import { applyFloor, recordMining } from "./shared/mining-record.ts";
import { emptyPool, type Pool, poolOf } from "./shared/pool-rows.ts";
import { preparePoolScores } from "./shared/pool-scores.ts";
import { inheritedSpec, layoutFrom } from "./shared/specs.ts";
import { leakageOf } from "./shared/training-leakage.ts";

/** Pulls pool images into the training rows that look like what the model is weak at (tao-stages 2.8 and 4.5). */
export const dataMining: Stage = {
  name: "data_mining",
  async plan(context) {
    const { dir, experiment_specs, pool_scores } = miningPlaces(context);
    const directories = [dir, contributionPaths(context).dir].map((path) => ({ path }));
    if ((await targetsOf(context)).length === 0) return { directories, jobs: [] };
    const pool = await minedPool(context);
    const more = scoresPool(context, pool) ? [experiment_specs, pool_scores] : [experiment_specs];
    return {
      directories: [...directories, ...more.map((path) => ({ path }))],
      jobs: miningJobs(context, pool),
    };
  },

  async prepare(context, plan) {
    if (plan.jobs.length === 0) return {};
    const places = miningPlaces(context);
    const pool = await poolOf(context);
    await writeEmbeddingInput(places.targets, await targetImages(context));
    await writeEmbeddingInput(places.source, sourceImages(pool));
    const specs = miningSpecs(context);
    await writeAtomic(places.embedding_spec, specs.embedding);
    await writeAtomic(places.mining_spec, specs.mining);
    if (scoresPool(context, pool)) await preparePoolScores(context, pool);
    return {};
  },

  async collect(context, outcomes) {
    const targets = await targetsOf(context);
    if (targets.length === 0) return await skipped(context);
    const pool = await poolOf(context);
    await requireJobs(miningJobs(context, pool), outcomes, { marker: true });
    const choice = miningRule(context) === "vendor" ? undefined : await chooseFromPool(context, pool, targets);
    const floor = choice?.floor ?? (await applyFloor(context));
    const filter = await recordMining(context, floor, pool, choice?.counts);
    const added = await addRows(context, pool, filter.selected);
    const leakage = await leakageOf(context, contributionPaths(context).mining_pool);
    return evidenceOf(context, { targets, choice, floor, filter, added, pool, leakage });
  },
};

/** The pool where the jobs depend on it; the vendor's do not, and a pool that is gone then shows when they are prepared. */
async function minedPool(context: StageContext): Promise<Pool> {
  return miningRule(context) === "vendor" ? emptyPool : await poolOf(context);
}

async function targetsOf(context: StageContext): Promise<Gap[]> {
  const path = recorded(context, "routing_mining_parquet");
  return await asEvidence(path, () => readGapTable(path));
}

/** Weak KPI images; their golden twins are looked up by path, the gaps name the tested images alone. */
async function targetImages(context: StageContext) {
  const { config } = context.state;
  const layout = await layoutFrom(inheritedSpec(context), config.images_dir);
  const targets = await targetsOf(context);
  const wanted = new Set(targets.map(({ filepath }) => normalPath(filepath)));
  const golden = new Map<string, string>();
  for await (const row of changeNetRows(config.kpi_test_csv)) {
    for (const pair of imagesOf(row, layout)) {
      const path = normalPath(pair.input);
      if (wanted.has(path)) golden.set(path, pair.golden);
    }
  }
  return targets.map(({ filepath, label }) => {
    const twin = golden.get(normalPath(filepath));
    if (twin === undefined) throw missing(filepath, "is a gap outside the KPI set");
    return { filepath, label, golden_filepath: twin };
  });
}

/** Every image of the pool with its golden twin, where it has one. */
function* sourceImages(pool: Pool): Generator<EmbeddingInput> {
  for (let at = 0; at < pool.size; at++) {
    const row = pool.row(at);
    for (const { input, golden } of poolImages(row, pool.layout)) {
      yield { filepath: input, golden_filepath: golden ?? input, label: row.label };
    }
  }
}

/** Appends the mined rows to what the iteration adds. */
async function addRows(context: StageContext, pool: Pool, selected: readonly Mined[]): Promise<Added> {
  const { workspace } = context.state.config;
  const rows = selected.map(({ filepath }) => pool.rowOf(filepath)).filter((at) => at >= 0);
  const paths = contributionPaths(context);
  const golden_copies = join(paths.images_dir, `mined_${context.iteration}_ok`);
  const mined = await trainingRows(pool, rows, { workspace, golden_copies });
  const generated = await readGenerated(context);
  const contributed = await writeContribution(context, mined);
  const pass = mined.filter(({ label }) => isPass(label)).length;
  return { mined: mined.length, pass, generated: generated.length, contributed };
}

function evidenceOf(
  context: StageContext,
  found: Found & {
    targets: readonly Gap[];
    added: Added;
    pool: Pool;
    leakage: readonly LeakageFacts[];
  },
): Evidence {
  const places = miningPlaces(context);
  const { targets, choice, filter, added, pool } = found;
  const reach = reachOf(found);
  return {
    summary: `Mining (VCN): mined=${added.mined} source images for ${targets.length} targets`,
    patch: {
      mining_mined_parquet: places.mined,
      mining_candidate_parquet: places.candidates,
      mining_mined_count: filter.selected_count,
      mining_summary: places.knn_summary,
      mining_history: runPaths(context.runDir).miningHistory,
      mining_history_summary: places.history_summary,
      mining_target_embeddings: places.target_embeddings,
      mining_source_embeddings: places.source_embeddings,
      mining_target_log: places.target_log,
      mining_source_log: places.source_log,
      ...(choice === undefined ? { mining_knn_log: places.knn_log } : {}),
      ledger: {
        mining_targets: targets.length,
        mining_pool_rows: pool.size,
        mining_candidates: reach.candidates,
        mining_below_floor: reach.below_floor,
        mining_pass_pct: reach.pass_pct,
        ...(choice === undefined ? {} : { mining_wanted: choice.counts.wanted, mining_rounds: choice.counts.rounds }),
        mining_repeated: filter.candidate_duplicate_count,
        mining_taken_before: choice ? choice.counts.pool - choice.counts.free : filter.already_mined_count,
        mined: added.mined,
        mined_pass: added.pass,
      },
    },
    pins: [contributionPaths(context).mining_pool, places.mined],
    warnings: [...warningsOf(context, targets, filter, pool), ...yieldWarnings(found)],
    facts: { ...rowFacts(found), leakage: found.leakage },
  };
}

function warningsOf(
  context: StageContext,
  targets: readonly Gap[],
  filter: HistoryFilter<Mined>,
  pool: Pool,
): string[] {
  const absent = labelsAbsentFromPool(targets, pool.labels());
  const previous = previousLabel(context.iteration);
  const before = previous && context.state.iterations[previous]?.mining_mined_count;
  const drop = yieldWarning(iterationNumber(context.iteration), filter.selected_count, before);
  return [
    ...(absent.length > 0
      ? [
          `Pre-mine precheck: target labels {${absent.map((label) => quoted(label)).join(", ")}} have 0 candidates in mining_pool — guaranteed 0 yield regardless of similarity. Consider expanding mining_pool.csv or routing these labels to AnomalyGen exclusively.`,
        ]
      : []),
    ...(drop === undefined ? [] : [drop]),
  ];
}

/** No weak sample was routed here: nothing is mined, and the ledger says so, or the next iteration could not go on. */
async function skipped(context: StageContext): Promise<Evidence> {
  const { min_similarity } = context.state.config.mining_filter;
  const similarity_threshold = min_similarity ?? defaultMinSimilarity;
  const nothing: CosineFloor = { kept: [], candidate_count: 0, rejected_count: 0, similarity_threshold };
  const generated = (await readGenerated(context)).length;
  const places = miningPlaces(context);
  const paths = contributionPaths(context);
  await recordMining(context, nothing, emptyPool);
  const contributed = await writeContribution(context, []);
  return {
    summary: "Mining (VCN): skipped, routing sent zero rows to mining",
    patch: {
      data_mining_skipped: true,
      mining_history: runPaths(context.runDir).miningHistory,
      mining_history_summary: places.history_summary,
      ledger: { mining_targets: 0, mined: 0 },
    },
    pins: [paths.mining_pool],
    warnings: [],
    facts: {
      ledger: [{ step: "contribution", rows_in: generated, rows_out: contributed }],
      additions: { earlier_rows: 0, added_rows: contributed, new_rows: contributed },
      leakage: await leakageOf(context, paths.mining_pool),
    },
  };
}
