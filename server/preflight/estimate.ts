import { type Pace, type Paces, type PassKind, paceKey } from "../journal/pace.ts";
import type { Platform } from "../run/labels.ts";
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

/** Least and most minutes. */
export type Range = readonly [least: number, most: number];

export type Estimate = {
  readonly baseline_minutes: number;
  readonly iteration_minutes: number;
  /** Between what and what it took on this host, scaled to this work; wide as long as nothing was measured here. */
  readonly range: { readonly baseline: Range; readonly iteration: Range };
  /** The same before this host was looked at: what the next pass is held against. */
  readonly model: { readonly baseline_minutes: number; readonly iteration_minutes: number };
  /** What the figure rests on, for the summary. */
  readonly basis: string;
};

/**
 * Minutes for the baseline and for one iteration, to plan with and not to promise.
 *
 * Docker: the published stage times (RTX 6000 Ada 48 GB, about 200 training rows and 10 epochs; tao-stages 6.8), of
 * which training grows with rows times epochs. Embedded: milliseconds a program that is started and a row, measured on loops
 * of 650 and 685 pairs of 96x96 on two busy cores.
 */
export function estimateRuntime(program: Program, work: Workload, pace?: Pace): Estimate {
  return calibrated(program === "tao" ? taoEstimate(work) : engineEstimate(work), pace);
}

type Model = Estimate["model"] & { readonly basis: string };

/** What an estimate that nobody held against this host may be off by. */
const unmeasured = { least: 0.4, most: 3 };
/** No two passes are alike, and few of them say little: one may be off by half and double, eight by an eighth. */
const spread = (passes: number) => 1 + 1 / passes;

/** The model's minutes at the pace of this host: the middle of the newest passes, and from the fastest to the slowest. */
function calibrated({ basis, ...model }: Model, pace: Pace | undefined): Estimate {
  const of = (kind: PassKind) => {
    const seen = [pace?.[kind], pace?.baseline, pace?.iteration].find(
      (ratios) => ratios !== undefined && ratios.length > 0,
    );
    if (seen === undefined) return { middle: 1, ...unmeasured };
    const sorted = seen.toSorted((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)] ?? 1;
    const [least, most] = [sorted[0] ?? 1, sorted.at(-1) ?? 1];
    return { middle, least: least / spread(seen.length), most: most * spread(seen.length) };
  };
  const [baseline, iteration] = [of("baseline"), of("iteration")];
  const passes = (pace?.baseline.length ?? 0) + (pace?.iteration.length ?? 0);
  const scaled = (minutes: number, { least, most }: typeof baseline): Range => [minutes * least, minutes * most];
  return {
    model,
    baseline_minutes: model.baseline_minutes * baseline.middle,
    iteration_minutes: model.iteration_minutes * iteration.middle,
    range: {
      baseline: scaled(model.baseline_minutes, baseline),
      iteration: scaled(model.iteration_minutes, iteration),
    },
    basis: passes > 0 ? `measured in ${passes} passes on this host` : `${basis}; nothing was measured on this host yet`,
  };
}

/** Least and most minutes of the whole run. */
export function totalRange({ range }: Estimate, iterations: number): Range {
  return [range.baseline[0] + iterations * range.iteration[0], range.baseline[1] + iterations * range.iteration[1]];
}

/** `45 s`, or `30 s to 2.5 min`. */
export function rangeText([least, most]: Range): string {
  const [from, to] = [minutesText(least), minutesText(most)];
  return from === to ? from : `${from} to ${to}`;
}

/** What a survey knows of the work; named here because the survey's own shapes hold an estimate. */
type Known = {
  readonly platform?: Platform | undefined;
  readonly program?: Program | undefined;
  readonly csvs: { readonly [role in Role]?: { readonly rows: number } };
  readonly pool?: { readonly rows: number } | undefined;
  readonly parameters: Readonly<Record<string, { readonly value?: unknown }>>;
  readonly paces?: Paces | undefined;
};
type Role = "training_csv" | "validation_csv" | "kpi_csv";

/** The same for what is known so far; what is not known yet counts as none. Undefined while the platform is open. */
export function estimateOf({ platform, program, csvs, pool, parameters, paces }: Known): Estimate | undefined {
  const count = (name: string) => {
    const value = parameters[name]?.value;
    return typeof value === "number" ? value : 0;
  };
  return (
    program &&
    estimateRuntime(
      program,
      {
        training_rows: csvs.training_csv?.rows ?? 0,
        validation_rows: csvs.validation_csv?.rows ?? 0,
        kpi_rows: csvs.kpi_csv?.rows ?? 0,
        pool_rows: pool?.rows ?? 0,
        num_epochs: count("num_epochs"),
        num_sdg: count("num_sdg"),
      },
      paces?.[paceKey(platform, program)],
    )
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

function taoEstimate(work: Workload): Model {
  const rowEpochs = work.training_rows * work.num_epochs;
  const training = publishedTraining.minutes * Math.max(1, rowEpochs / publishedTraining.rowEpochs);
  const baseline_minutes = training + publishedOther.evaluateAndRca;
  return {
    baseline_minutes,
    iteration_minutes: baseline_minutes + publishedOther.routingToMerge,
    basis: "published stage times on an RTX 6000 Ada 48 GB, training scaled by rows and epochs; downloads come on top",
  };
}

const engineMs = { start: 1200, pair: 5, poolRow: 3, rowEpoch: 0.015, generated: 20 };
/** Programs that a pass starts, one after the other: on small sets nearly all of its time. */
const engineStarts = { baseline: 3, iteration: 10 };

/** The baseline reads every pair; an iteration finds them read, and reads the pool. */
function engineEstimate(work: Workload): Model {
  const pairs = work.training_rows + work.validation_rows + work.kpi_rows;
  const learn = engineMs.rowEpoch * work.training_rows * work.num_epochs;
  const grow = engineMs.poolRow * work.pool_rows + engineMs.generated * work.num_sdg;
  return {
    baseline_minutes: (engineStarts.baseline * engineMs.start + engineMs.pair * pairs + learn) / 60_000,
    iteration_minutes: (engineStarts.iteration * engineMs.start + grow + learn) / 60_000,
    basis: "milliseconds a start and a row of the embedded engine, 96x96 images",
  };
}
