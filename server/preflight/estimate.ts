import type { Program } from "../run/platform-traits.ts";

/** What the time of an iteration depends on. Rows are data rows; epochs and images are counts. */
export type Workload = {
  readonly training_rows: number;
  readonly validation_rows: number;
  readonly kpi_rows: number;
  readonly pool_rows: number;
  readonly num_epochs: number;
  readonly num_sdg: number;
};

export type Estimate = {
  readonly baseline_minutes: number;
  readonly iteration_minutes: number;
  /** What the figure rests on, for the summary. */
  readonly basis: string;
};

/**
 * Minutes for the baseline and for one iteration, to plan with and not to promise.
 *
 * TAO: the published stage times (RTX 6000 Ada 48 GB, about 200 training rows and 10 epochs; tao-stages 6.8), of
 * which training grows with rows times epochs. Engine: milliseconds a row, measured on 200 seed, 150 validation and 1200 KPI rows of 96x96 on one core.
 */
export function estimateRuntime(program: Program, work: Workload): Estimate {
  return program === "tao" ? taoEstimate(work) : engineEstimate(work);
}

/** What a survey knows of the work; named here because the survey's own shapes hold an estimate. */
type Known = {
  readonly program?: Program | undefined;
  readonly csvs: { readonly [role in Role]?: { readonly table: { readonly rows: readonly unknown[] } } };
  readonly pool?: { readonly rows: number } | undefined;
  readonly parameters: Readonly<Record<string, { readonly value?: unknown }>>;
};
type Role = "training_csv" | "validation_csv" | "kpi_csv";

/** The same for what is known so far; what is not known yet counts as none. Undefined while the platform is open. */
export function estimateOf({ program, csvs, pool, parameters }: Known): Estimate | undefined {
  const count = (name: string) => {
    const value = parameters[name]?.value;
    return typeof value === "number" ? value : 0;
  };
  return (
    program &&
    estimateRuntime(program, {
      training_rows: csvs.training_csv?.table.rows.length ?? 0,
      validation_rows: csvs.validation_csv?.table.rows.length ?? 0,
      kpi_rows: csvs.kpi_csv?.table.rows.length ?? 0,
      pool_rows: pool?.rows ?? 0,
      num_epochs: count("num_epochs"),
      num_sdg: count("num_sdg"),
    })
  );
}

/** How many iterations a time limit leaves room for after the baseline; at least one, at most 99. */
export function iterationsWithin(limitMinutes: number, estimate: Estimate): number {
  const room = (limitMinutes - estimate.baseline_minutes) / estimate.iteration_minutes;
  return Math.min(99, Math.max(1, Math.floor(room)));
}

/** Minutes of the whole run: the baseline and every iteration. */
export function totalMinutes(estimate: Estimate, iterations: number): number {
  return estimate.baseline_minutes + iterations * estimate.iteration_minutes;
}

/** `45 s`, `33 min` or `6.5 h`. */
export function minutesText(minutes: number): string {
  if (minutes < 1) return `${Math.max(1, Math.round(minutes * 60))} s`;
  if (minutes < 120) return `${Math.round(minutes * 10) / 10} min`;
  return `${Math.round(minutes / 6) / 10} h`;
}

const publishedTraining = { minutes: 11, rowEpochs: 200 * 10 };
const publishedOther = { evaluateAndRca: 4, routingToMerge: 18 };

function taoEstimate(work: Workload): Estimate {
  const rowEpochs = work.training_rows * work.num_epochs;
  const training = publishedTraining.minutes * Math.max(1, rowEpochs / publishedTraining.rowEpochs);
  const baseline_minutes = training + publishedOther.evaluateAndRca;
  return {
    baseline_minutes,
    iteration_minutes: baseline_minutes + publishedOther.routingToMerge,
    basis: "published stage times on an RTX 6000 Ada 48 GB, training scaled by rows and epochs; downloads come on top",
  };
}

const engineMs = { start: 500, pair: 5, poolRow: 3, rowEpoch: 0.015, generated: 20 };

function engineEstimate(work: Workload): Estimate {
  const pairs = work.training_rows + work.validation_rows + work.kpi_rows;
  const learn = engineMs.start + engineMs.pair * pairs + engineMs.rowEpoch * work.training_rows * work.num_epochs;
  const grow = engineMs.start + engineMs.poolRow * work.pool_rows + engineMs.generated * work.num_sdg;
  return {
    baseline_minutes: learn / 60_000,
    iteration_minutes: (learn + grow) / 60_000,
    basis: "milliseconds a row of the embedded engine, 96x96 images",
  };
}
