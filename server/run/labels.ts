/** The journaled stages in the order of one iteration; `baseline` uses train, evaluate and rca only. */
export const stageNames = ["routing", "anomalygen", "data_mining", "data_merge", "train", "evaluate", "rca"] as const;
export type StageName = (typeof stageNames)[number];

/** What may stand in the `stage` field of a log line: the stages and the closing entry. */
export const logStageNames = [...stageNames, "loop_stop"] as const;
export type LogStageName = (typeof logStageNames)[number];

/** `baseline`, or `iter<N>` with N from 1. */
export type IterationLabel = "baseline" | `iter${number}`;

export const iterationLabelPattern = /^(baseline|iter[1-9][0-9]*)$/;

export function isIterationLabel(text: string): text is IterationLabel {
  return iterationLabelPattern.test(text);
}

/** 0 for `baseline`, N for `iter<N>`. */
export function iterationNumber(label: IterationLabel): number {
  return label === "baseline" ? 0 : Number(label.slice(4));
}

export function iterationLabel(number: number): IterationLabel {
  return number === 0 ? "baseline" : `iter${number}`;
}

/** The label before this one; `baseline` has none. */
export function previousLabel(label: IterationLabel): IterationLabel | undefined {
  return label === "baseline" ? undefined : iterationLabel(iterationNumber(label) - 1);
}

export const platforms = ["embedded", "docker", "host", "slurm", "kubernetes"] as const;
export type Platform = (typeof platforms)[number];

/** How mining chooses among the pool's rows (server/stages/shared/mining-choice.ts); runs that name none mine by `vendor`. */
export const miningRules = ["vendor", "pool_error"] as const;
export type MiningRule = (typeof miningRules)[number];

/** Whether the jobs of a run may fetch anything. */
export const networkModes = ["network-enabled", "airgap"] as const;
export type NetworkMode = (typeof networkModes)[number];

/** One stage of one iteration. */
export type StageRef = { readonly iteration: IterationLabel; readonly stage: StageName };

/** Forms in which misjudged parts are handed on. */
export const exportFormats = ["csv", "coco", "fiftyone", "labelstudio"] as const;
export type ExportFormat = (typeof exportFormats)[number];
