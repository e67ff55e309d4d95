import type { Approval, HardStop, LogEntry, MetricContract, MetricResult } from "../run/state.ts";

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

export type ConfigRow = { readonly name: string; readonly value: string; readonly source?: string };

/** Everything that the report says, read once from the disk; the page is a pure function of it. */
export type ReportModel = {
  readonly generated_at: string;
  readonly run_name: string;
  readonly run_dir: string;
  readonly status: "in_progress" | "complete" | "failed" | "unknown";
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
  readonly configuration: readonly ConfigRow[];
  readonly approvals: readonly Approval[];
  readonly acknowledgements: readonly Readonly<Record<string, unknown>>[];
  readonly hard_stop?: HardStop;
  readonly events: readonly LogEntry[];
  readonly plan_id?: string;
  readonly pins: readonly { readonly path: string; readonly sha256: string }[];
  /** What the run lacks or what could not be read, one sentence each. */
  readonly missing: readonly string[];
};
