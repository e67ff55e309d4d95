import { join } from "node:path";
import { readGapTable, writeGapTable } from "../data/gap-files.ts";
import { excerpt, quoted, Refusal } from "../errors.ts";
import { writeAtomic } from "../fs/atomic.ts";
import { routeGaps, routingSummary } from "../kpi/routing.ts";
import type { Stage, StageContext } from "../ports/stage.ts";
import { previousLabel } from "../run/labels.ts";
import { runPaths } from "../run/paths.ts";
import type { RunConfig } from "../run/state.ts";
import { asEvidence, missing } from "./shared/evidence.ts";
import { poolLabels } from "./shared/mining-pool.ts";

/** Sends each gap of the previous iteration to mining, to generation, to both or to none (tao-stages 4.4). */
export const routing: Stage = {
  name: "routing",
  async plan(context) {
    return { directories: [{ path: places(context).dir }], jobs: [] };
  },

  async collect(context) {
    const { dir, mining, anomalygen } = places(context);
    const { config } = context.state;
    const from = gapsPath(context);
    const gaps = await asEvidence(from, () => readGapTable(from));
    const routed = routeGaps(gaps, await minableLabels(config), generatableLabels(config));
    const served = new Set([...routed.mining, ...routed.anomalygen]).size;
    const dropped = routed.labels.filter((label) => !label.mining && !label.anomalygen);
    await writeGapTable(mining, routed.mining);
    await writeGapTable(anomalygen, routed.anomalygen);
    const absentPool = config.synthetic_only ? (config.mining_pool_csv ?? "") : undefined;
    await writeAtomic(join(dir, "routing_summary.txt"), routingSummary(routed, { mining, anomalygen, absentPool }));
    return {
      summary: `Routing: mining=${routed.mining.length} rows, anomalygen=${routed.anomalygen.length} rows; ${dropped.length} labels dropped`,
      patch: {
        routing_mining_parquet: mining,
        routing_anomalygen_parquet: anomalygen,
        ledger: {
          gap_rows: gaps.length,
          routed_mining: routed.mining.length,
          routed_anomalygen: routed.anomalygen.length,
          routed_dropped: routed.dropped.length,
        },
      },
      pins: [mining, anomalygen],
      warnings:
        dropped.length === 0
          ? []
          : [`No module serves ${dropped.map(({ label, count }) => `${quoted(label)} (${count} rows)`).join(", ")}.`],
      facts: {
        routing: {
          gaps: gaps.length,
          served,
          dropped_labels: dropped.map(({ label, count }) => ({ label: excerpt(label, 60), count })),
        },
        ledger: [
          {
            step: "routing",
            rows_in: gaps.length,
            rows_out: served,
            explained: { no_module: routed.dropped.length },
          },
          {
            step: "counting of labels",
            rows_in: gaps.length,
            rows_out: routed.labels.reduce((sum, { count }) => sum + count, 0),
          },
        ],
      },
    };
  },
};

function places(context: StageContext) {
  const iterationDir = runPaths(context.runDir).iteration(context.iteration);
  const dir = join(iterationDir, "routing_results", context.stamp);
  return { dir, mining: join(dir, "mining_gaps.parquet"), anomalygen: join(dir, "anomalygen_gaps.parquet") };
}

/** The gaps come from the iteration before; without them the stage fails rather than invent any. */
function gapsPath(context: StageContext): string {
  const previous = previousLabel(context.iteration);
  const path = previous && context.state.iterations[previous]?.rca_gaps_parquet;
  if (path === undefined) throw missing(`${previous ?? "baseline"}.rca_gaps_parquet`, "is not recorded");
  return path;
}

async function minableLabels(config: RunConfig): Promise<string[]> {
  if (config.synthetic_only) return [];
  const path = config.resolved_mining_pool_csv ?? config.mining_pool_csv;
  if (path === undefined) throw new Refusal("gate.empty-pool", "The run has no mining pool.");
  return poolLabels(path);
}

/** A run that asks for no synthetic image has no generator, whatever the generator could make. */
function generatableLabels(config: RunConfig): readonly string[] {
  return config.anomalygen.num_SDG > 0 ? config.anomalygen.supported_labels : [];
}
