import type { OperatingPoint } from "../kpi/sweep.ts";
import type { MetricContract, MetricResult } from "../run/metric.ts";
import type { Approval, HardStop, LogEntry } from "../run/state.ts";

/** What the digest chain says about a run; `unknown` when nothing checked it. */
export type Integrity = { readonly status: "intact" | "tampered" | "unknown"; readonly findings: readonly string[] };

/** How the run stands against its target, in neutral words: it is met, or so far away. */
export type Outcome = {
  readonly kind: "met" | "gap" | "unmeasured";
  /** `MET`, `2.61 pp from target`, `not measured yet`. */
  readonly label: string;
  /** One sentence with the figures. */
  readonly sentence: string;
};

/** One iteration as far as it got; figures that were not measured are absent. */
export type IterationView = {
  readonly label: string;
  readonly status: string;
  readonly stage_completed?: string;
  readonly metric?: MetricResult;
  readonly far_pct?: number;
  readonly recall_pct?: number;
  readonly threshold?: number;
  readonly val_loss?: number;
  readonly checkpoint?: string;
  readonly checkpoint_kind?: string;
  readonly adopted: readonly string[];
  readonly ledger: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
  readonly skipped: readonly string[];
};

/** How one defect type fares at the run's threshold. `PASS` is not among them. */
export type DefectRow = {
  readonly label: string;
  readonly count: number;
  readonly detected: number;
  /** Lowest score of the type: the part that is hardest to see. */
  readonly weakest_score: number;
};

/**
 * The candidate thresholds of a KPI set, ascending, the first below every score; and how many parts of either class
 * score above the threshold before and at most at this one. A reader can redo the whole sweep from it.
 */
export type ScoreCounts = {
  readonly thresholds: readonly number[];
  readonly pass: readonly number[];
  readonly defective: readonly number[];
};

/** The KPI set as one iteration scored it. */
export type KpiView = {
  readonly label: string;
  readonly rows: number;
  readonly pass_rows: number;
  readonly defective_rows: number;
  /** At the threshold that the run recorded, recomputed from the scores. */
  readonly point: OperatingPoint;
  /** Lowest FAR at some recalls, each a fraction. */
  readonly recalls: readonly { readonly min_recall: number; readonly point: OperatingPoint }[];
  readonly counts: ScoreCounts;
  readonly histogram: {
    readonly from: number;
    readonly to: number;
    readonly pass: readonly number[];
    readonly defective: readonly number[];
  };
  /** Steps of recall over FAR, both in percent, from the strictest threshold to the laxest. */
  readonly curve: readonly { readonly far_pct: number; readonly recall_pct: number; readonly threshold: number }[];
  /** Most missed first, then the weakest. */
  readonly defects: readonly DefectRow[];
};

/** Where the rows of one iteration's training set came from; totals, not additions. */
export type GrowthRow = {
  readonly label: string;
  readonly knn_raw_mined?: number;
  readonly sdg_generated?: number;
  /** Rows that this iteration added after all filters. */
  readonly added?: number;
  readonly base?: number;
  readonly mined?: number;
  readonly synthetic?: number;
  readonly total?: number;
};

/** What mining found for one iteration, step by step. */
export type MiningRow = {
  readonly label: string;
  readonly skipped: boolean;
  readonly targets?: number;
  readonly candidates?: number;
  readonly below_similarity?: number;
  readonly similarity_threshold?: number;
  readonly already_mined?: number;
  readonly selected?: number;
};

/** An image of the run, scaled down, as a data URI. */
export type Picture = { readonly uri: string; readonly width: number; readonly height: number };

/** One part beside its golden image, and how the two differ. */
export type PairView = {
  readonly kind: "real" | "synthetic";
  readonly iteration: string;
  readonly name: string;
  readonly label: string;
  readonly score?: number;
  readonly golden: Picture;
  readonly test: Picture;
  readonly difference: Picture;
};

/** One weak KPI part; `weakness` is above 0 when the part is misjudged, else minus its margin. */
export type WeakSample = {
  readonly name: string;
  readonly label: string;
  readonly score: number;
  readonly weakness: number;
  readonly test?: Picture;
  readonly golden?: Picture;
};

export type SpecChange = { readonly key: string; readonly before?: string; readonly after?: string };

/** What runs at the moment; only a live page knows it. */
export type RunningStage = { readonly message: string; readonly fraction?: number };

export type ConfigRow = { readonly name: string; readonly value: string; readonly source?: string };

/** Everything that the report says, read once from the disk; the page is a pure function of it. */
export type ReportModel = {
  readonly generated_at: string;
  readonly run_name: string;
  readonly run_dir: string;
  readonly status: "in_progress" | "complete" | "failed" | "unknown";
  readonly running?: RunningStage;
  readonly started_at?: string;
  readonly completed_at?: string;
  readonly stop_reason?: string;
  readonly target: string;
  readonly contract?: MetricContract;
  readonly max_iterations?: number;
  readonly engine: string;
  readonly platform: string;
  readonly integrity: Integrity;
  readonly outcome: Outcome;
  /** Label of the iteration with the best operating point. */
  readonly best?: string;
  readonly iterations: readonly IterationView[];
  /** Scores of the baseline, the best and the last measured iteration; the best comes first. */
  readonly kpi: readonly KpiView[];
  readonly growth: readonly GrowthRow[];
  readonly mining: readonly MiningRow[];
  readonly pairs: readonly PairView[];
  readonly weakest: readonly WeakSample[];
  /** What each iteration's training spec changes against the one before. */
  readonly spec_changes: readonly { readonly label: string; readonly changes: readonly SpecChange[] }[];
  readonly images: readonly { readonly name: string; readonly reference: string }[];
  readonly configuration: readonly ConfigRow[];
  readonly approvals: readonly Approval[];
  readonly acknowledgements: readonly Readonly<Record<string, unknown>>[];
  readonly hard_stop?: HardStop;
  readonly events: readonly LogEntry[];
  readonly plan_id?: string;
  /** What the plan resolved: one row an input. */
  readonly inputs: readonly ConfigRow[];
  readonly pins: readonly { readonly path: string; readonly sha256: string }[];
  /** What the run lacks or what could not be read, one sentence each. */
  readonly missing: readonly string[];
};
