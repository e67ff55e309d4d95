import type { OperatingPoint } from "../kpi/sweep.ts";
import type { MetricContract, MetricResult } from "../run/metric.ts";
import type { Approval, EvidenceLevel, HardStop, LogEntry, RunState } from "../run/state.ts";

/** What the digest chain says about a run; `unknown` when nothing checked it. */
export type Integrity = { readonly status: "intact" | "tampered" | "unknown"; readonly findings: readonly string[] };

/** What stands behind the figures; `programs` are what scored, each once: more than one is a change in mid-run. */
export type Evidence = {
  readonly level: EvidenceLevel;
  readonly sentence: string;
  readonly programs: readonly string[];
};

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
  /** What its stages went by, as text. */
  readonly settings: Readonly<Record<string, string>>;
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

/** How the parts of each group fare at the threshold; `of` counts all groups, of which the first are shown. */
export type BreakdownView = {
  readonly title: string;
  readonly groups: readonly {
    readonly name: string;
    readonly pass: number;
    readonly false_alarms: number;
    readonly far_interval: string;
    readonly defects: number;
    readonly missed: number;
  }[];
  readonly of: number;
  readonly failing: number;
};

/** Which parts one iteration judges otherwise than another. */
export type ChangeView = {
  readonly from: string;
  readonly to: string;
  readonly fixed_alarms: number;
  readonly new_alarms: number;
  readonly caught: number;
  readonly new_escapes: readonly string[];
  readonly escapes: number;
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

/** Two images that the preflight warned of, beside each other; a picture that cannot be read is absent. */
export type TwinView = {
  readonly likeness: number;
  readonly parts: readonly { readonly text: string; readonly picture?: Picture }[];
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

/** A part of the KPI set; `scores` are those of the gallery's iterations, null where one did not score it. */
export type GalleryRow = {
  readonly name: string;
  readonly label: string;
  readonly board: string;
  readonly component: string;
  readonly defective: boolean;
  readonly scores: readonly (number | null)[];
  /** Numbers into the gallery's pictures. */
  readonly test?: number;
  readonly golden?: number;
};

/** How many parts an iteration misjudges, and what became of those of the measured iteration before it. */
export type GalleryIteration = {
  readonly label: string;
  readonly threshold: number;
  readonly missed: number;
  readonly false_alarms: number;
  readonly fixed?: number;
  readonly broken?: number;
  readonly still?: number;
};

/** A row that came into a training set; pictures are numbers into those of its sheet. */
export type NewImage = {
  readonly label: string;
  readonly name: string;
  readonly picture: number;
  /** Of a mined image the weak sample that it is most like, of a generated one the image that it was made from. */
  readonly beside?: number;
  /** A generated image with its defect framed, where the generator left one. */
  readonly marked?: number;
  readonly like?: { readonly label: string; readonly name: string };
  /** Cosine to the weak sample. */
  readonly similarity?: number;
};

/** What one source brought into the training set of one iteration. */
export type NewImages = {
  readonly iteration: string;
  readonly kind: "mined" | "generated";
  /** The mining rule; empty for what was generated. */
  readonly rule: string;
  readonly labels: readonly { readonly label: string; readonly rows: number }[];
  readonly images: readonly NewImage[];
  readonly not_shown: number;
};

export type ContactSheet = {
  readonly sheets: readonly NewImages[];
  /** Data URIs. */
  readonly pictures: readonly string[];
};

export type Gallery = {
  readonly iterations: readonly GalleryIteration[];
  readonly rows: readonly GalleryRow[];
  /** Misjudged parts that the page has no room for. */
  readonly left_out: number;
  readonly without_picture: number;
  /** Data URIs. */
  readonly pictures: readonly string[];
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
  /** What the human was told that it would take. */
  readonly estimate?: NonNullable<RunState["estimate"]>;
  readonly started_at?: string;
  readonly completed_at?: string;
  readonly stop_reason?: string;
  readonly target: string;
  readonly contract?: MetricContract;
  readonly max_iterations?: number;
  readonly engine: string;
  readonly platform: string;
  readonly integrity: Integrity;
  readonly evidence: Evidence;
  readonly outcome: Outcome;
  /** Label of the iteration with the best operating point. */
  readonly best?: string;
  readonly iterations: readonly IterationView[];
  /** Scores of the baseline, the best and the last measured iteration; the best comes first. */
  readonly kpi: readonly KpiView[];
  readonly breakdown: readonly BreakdownView[];
  /** The best iteration, which comes first in `kpi`, against the others. */
  readonly changes: readonly ChangeView[];
  readonly growth: readonly GrowthRow[];
  readonly mining: readonly MiningRow[];
  readonly pairs: readonly PairView[];
  readonly weakest: readonly WeakSample[];
  readonly gallery: Gallery;
  readonly sheet: ContactSheet;
  /** What each iteration's training spec changes against the one before. */
  readonly spec_changes: readonly { readonly label: string; readonly changes: readonly SpecChange[] }[];
  readonly images: readonly { readonly name: string; readonly reference: string }[];
  readonly configuration: readonly ConfigRow[];
  /** What the run is measured on, and how that stands to earlier runs. */
  readonly ruler?: NonNullable<RunState["ruler"]>;
  /** Pairs of images of the run's sets that look like one. */
  readonly twins: readonly TwinView[];
  /** Images that were too many to be looked at for such pairs. */
  readonly twins_left_out: number;
  /** The frozen test set in one sentence, where the run came to its end with one. */
  readonly holdout?: string;
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
