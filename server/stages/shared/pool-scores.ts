import { join } from "node:path";
import { changeNetRows, writeChangeNetRows } from "../../data/changenet.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { isInside } from "../../fs/contained.ts";
import { readText } from "../../fs/read.ts";
import { parseScore } from "../../kpi/score.ts";
import type { StageContext } from "../../ports/stage.ts";
import type { JobSpec } from "../../run/job.ts";
import { previousLabel } from "../../run/labels.ts";
import { runPaths } from "../../run/paths.ts";
import { stagedBackbone } from "./backbone.ts";
import { missing, requireFresh, requireStatus } from "./evidence.ts";
import { inferenceFacts } from "./inference-rows.ts";
import { stageJob } from "./job.ts";
import { pairRows } from "./mined-rows.ts";
import { miningPlaces } from "./mining-places.ts";
import { poolImages } from "./mining-pool.ts";
import type { Pool } from "./pool-rows.ts";
import { inheritedSpec } from "./specs.ts";
import { deriveInferenceSpec } from "./train-spec.ts";

/** Whether the current model can score a pool row: a pair inside the workspace. A good part without golden image is none. */
function isScorable(context: StageContext, pool: Pool): (at: number) => boolean {
  const { workspace } = context.state.config;
  const inside = (path: string | undefined) => path !== undefined && isInside(workspace, path);
  return (at) => {
    const { input_dir, golden_dir } = pool.row(at);
    return inside(input_dir) && inside(golden_dir);
  };
}

/** Numbers of the pool rows that the current model can score. */
export function* scorableRows(context: StageContext, pool: Pool): Generator<number> {
  const takes = isScorable(context, pool);
  for (let at = 0; at < pool.size; at++) if (takes(at)) yield at;
}

/** The inference of the previous iteration's best model over the pool: the same program as that over the KPI set. */
export function poolScoresJob(context: StageContext): JobSpec {
  const { config, iterations } = context.state;
  const { pool_spec, pool_scores } = miningPlaces(context);
  const previous = previousLabel(context.iteration);
  const checkpoint = previous && iterations[previous]?.best_ckpt_path;
  if (checkpoint === undefined) throw missing(`${previous ?? "baseline"}.best_ckpt_path`, "is not recorded");
  const overrides = [`inference.checkpoint=${checkpoint}`, `inference.results_dir=${pool_scores}`];
  return stageJob(context, "data_mining", {
    name: "pool_scores",
    image: "tao_pyt",
    argv: ["visual_changenet", "inference", "-e", pool_spec, ...overrides],
    workdir: pool_scores,
    log_path: join(pool_scores, "inference.log"),
    status_path: join(pool_scores, "status.json"),
    reads: [config.backbone_weight_dir, config.mining_images_root ?? ""],
  });
}

/** Writes the rows to score and the spec. */
export async function preparePoolScores(context: StageContext, pool: Pool): Promise<void> {
  const { config } = context.state;
  const { pool_rows, pool_spec } = miningPlaces(context);
  let rows = 0;
  const scorable = isScorable(context, pool);
  const takes = (at: number): boolean => {
    const does = scorable(at);
    if (does) rows++;
    return does;
  };
  await writeChangeNetRows(pool_rows, pairRows(pool, takes, config.workspace));
  const source = inheritedSpec(context);
  const text = deriveInferenceSpec(
    await readText(source),
    source,
    config,
    await stagedBackbone(config.backbone_weight_dir),
    {
      label: `${context.iteration}, pool`,
      iteration_dir: runPaths(context.runDir).iteration(context.iteration),
      csv: pool_rows,
      rows,
      images_dir: config.workspace,
    },
  );
  await writeAtomic(pool_spec, text);
}

/** The score of each scored pool row, by the number of the row that its first image leads to; else NaN. @throws Refusal `stage.evidence-missing`. */
export async function readPoolScores(context: StageContext, pool: Pool): Promise<Float64Array> {
  const { pool_rows, pool_scores } = miningPlaces(context);
  const csv = join(pool_scores, "inference.csv");
  await requireStatus(context, join(pool_scores, "status.json"), "inference");
  await requireFresh(context, csv);
  const { kpi_rows, inference_rows, difference } = await inferenceFacts(context, pool_rows, csv);
  if (inference_rows !== kpi_rows || difference !== undefined) {
    throw missing(csv, "does not score the pool's rows", { expected: kpi_rows, actual: inference_rows, difference });
  }
  const rows = scorableRows(context, pool);
  const scores = new Float64Array(pool.size).fill(Number.NaN);
  for await (const { siamese_score = "" } of changeNetRows(csv)) {
    const [row, score] = [rows.next(), parseScore(siamese_score)];
    if (row.done) break;
    if (score === undefined) throw missing(csv, "holds a score that is no finite number", { row: row.value + 1 });
    scores[pool.rowOf(poolImages(pool.row(row.value), pool.layout)[0]?.input ?? "")] = score;
  }
  return scores;
}
