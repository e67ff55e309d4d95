import { join } from "node:path";
import { countRows, tableRows, writeRows } from "../../data/csv.ts";
import type { Tolerance } from "../../data/score-comparison.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { sha256 } from "../../fs/hash.ts";
import type { StageContext } from "../../ports/stage.ts";
import { isoSeconds } from "../../run/clock.ts";
import type { JobSpec } from "../../run/job.ts";
import type { IterationLabel } from "../../run/labels.ts";
import { type Program, programOf } from "../../run/platform-traits.ts";
import type { RunState } from "../../run/state.ts";
import { readEmbeddings } from "../../stages/shared/embedding-files.ts";
import { missing } from "../../stages/shared/evidence.ts";
import { scoringJob, scoringSpec } from "../../stages/shared/scoring.ts";

/**
 * How far a score may move when a program scores the same pair again. The embedded engine computes in double precision
 * and writes float32: only that rounding is allowed. A GPU sums in no fixed order and may use TF32, whose results
 * differ in the third decimal; nothing here has measured it on every card.
 */
export const tolerances: Readonly<Record<Program, Tolerance>> = {
  engine: { absolute: 1e-6, relative: 0 },
  tao: { absolute: 2e-3, relative: 2e-3 },
};

/** More rows than this are sampled where a row costs a pass through a large network. */
const wholeLimit: Readonly<Record<Program, number>> = { engine: Number.POSITIVE_INFINITY, tao: 5000 };
const sampleSize = 2000;

/** Where the scores of an iteration are made again, and of which rows. */
export type Rescore = {
  readonly runDir: string;
  readonly state: RunState;
  readonly label: IterationLabel;
  /** The KPI set, or the frozen test set. */
  readonly set: "kpi" | "holdout";
  /** Holds all that it writes; only this user may look into it. */
  readonly dir: string;
  readonly jobId: string;
  /** Chooses the rows of a sample. */
  readonly seed: string;
};

export type Planned = {
  readonly job: JobSpec;
  readonly csv: string;
  readonly rows: number;
  readonly ofRows: number;
  /** Numbers of the rows of a sample; absent for the whole set. */
  readonly chosen?: readonly number[];
};

/** What an iteration's scores are made again with; counts the rows of the KPI set and writes nothing. */
export async function planRescore(wish: Rescore): Promise<Planned> {
  const { state, label, dir, jobId, seed } = wish;
  const { config } = state;
  const checkpoint = state.iterations[label]?.best_ckpt_path;
  if (checkpoint === undefined) throw missing(`${label}.best_ckpt_path`, "is not recorded");
  const ofRows = await countRows(csvOf(wish));
  // A figure that is taken once is taken of the whole set.
  const most = wish.set === "kpi" ? wholeLimit[programOf(config.platform, config.platform_settings)] : ofRows;
  const chosen = ofRows > most ? sampleOf(ofRows, seed) : undefined;
  const job = scoringJob(contextOf(wish), { name: wish.set, checkpoint, spec: join(dir, "inference_spec.yaml"), dir });
  const mounts = [
    ...job.mounts.map((mount) => ({ ...mount, readonly: true })),
    { source: dir, target: dir, readonly: false },
  ];
  const planned = { csv: join(dir, "inference.csv"), rows: chosen?.length ?? ofRows, ofRows };
  return { ...planned, job: { ...job, id: jobId, mounts, afresh: true }, ...(chosen ? { chosen } : {}) };
}

/** Writes what the job reads: its spec and, of a sample, its rows. */
export async function prepareRescore(wish: Rescore): Promise<Planned> {
  const planned = await planRescore(wish);
  await makeDirectory(wish.dir, 0o700);
  let csv = csvOf(wish);
  if (planned.chosen !== undefined) {
    csv = join(wish.dir, "sample.csv");
    await writeRows(csv, linesOf(csvOf(wish), planned.chosen));
  }
  const text = await scoringSpec(contextOf(wish), { csv, count: planned.rows });
  await writeAtomic(join(wish.dir, "inference_spec.yaml"), text);
  return planned;
}

function csvOf({ state, set }: Rescore): string {
  const { kpi_test_csv, holdout_csv } = state.config;
  if (set === "kpi") return kpi_test_csv;
  if (holdout_csv === undefined) throw missing("config.holdout_csv", "is not recorded");
  return holdout_csv;
}

/** The header and some rows of a table, whose numbers ascend. */
async function* linesOf(path: string, chosen: readonly number[]): AsyncGenerator<readonly string[]> {
  let [row, taken] = [0, 0];
  for await (const { header, cells } of tableRows(path)) {
    if (row === 0) yield header;
    if (chosen[taken] === row++) {
      taken++;
      yield cells;
    }
  }
}

/** Rows in the order of the set, drawn by a seed that nobody knows before: every row is as likely as any other. */
function sampleOf(rows: number, seed: string): number[] {
  let drawn: { readonly row: number; readonly lot: string }[] = [];
  for (let row = 0; row < rows; row++) {
    drawn.push({ row, lot: sha256(`${seed}:${row}`) });
    if (drawn.length === 10 * sampleSize) drawn = lowest(drawn);
  }
  return lowest(drawn)
    .map(({ row }) => row)
    .sort((a, b) => a - b);
}

function lowest<Lot extends { readonly lot: string }>(drawn: readonly Lot[]): Lot[] {
  return drawn.toSorted((a, b) => (a.lot < b.lot ? -1 : 1)).slice(0, sampleSize);
}

function contextOf({ runDir, state, label }: Rescore): StageContext {
  const startedAt = isoSeconds(new Date(state.started_at));
  return { runDir, state, iteration: label, attempt: 1, stamp: "", startedAt, accepted: [], readEmbeddings };
}
