import { readInferenceTable } from "../data/inference.ts";
import { inTurns } from "../data/pause.ts";
import { layoutOf, readSpec } from "../data/spec.ts";
import { Refusal } from "../errors.ts";
import type { InferenceRow, InferenceTable } from "../kpi/gaps.ts";
import { holdoutText } from "../kpi/holdout.ts";
import { selectBest } from "../kpi/metric-contract.ts";
import { fourDigits } from "../run/figures.ts";
import { imagePath } from "../run/images.ts";
import { isPass } from "../run/pass-labels.ts";
import { programOf } from "../run/platform-traits.ts";
import type { IterationState, RunState } from "../run/state.ts";

type Counts = Readonly<Record<string, number>>;

/** Parts that the model gets wrong at its threshold, counted by label and board, the worst ones with their images. */
type Errors = {
  readonly count: number;
  readonly of: number;
  readonly by_label: Counts;
  readonly by_board: Counts;
  readonly examples: readonly {
    readonly label: string;
    readonly board: string;
    readonly score: number;
    readonly path: string;
  }[];
};

/** The answer to "which parts does it still get wrong, and can I trust it?" of the run's best iteration. */
export type Trust = {
  readonly iteration: string;
  readonly threshold: number;
  /** Plain sentences: what the figure is, how near the scores lie to the threshold, what it does not say. */
  readonly says: readonly string[];
  readonly flagged_pass: Errors;
  readonly missed_defects: Errors;
};

/**
 * Judges the best measured iteration from its inference CSV; undefined before the first evaluation, and where that CSV is
 * gone or not readable.
 *
 * @param most examples of each kind, worst first
 */
export async function trustIn(state: RunState, most: number): Promise<Trust | undefined> {
  const best = bestOf(state);
  if (best === undefined) return undefined;
  try {
    const table = await readInferenceTable(best.inference_csv);
    const layout = layoutOf(await readSpec(best.training_spec ?? state.config.specs_file), state.config.images_dir);
    const pathOf = (row: InferenceRow) => imagePath(layout, row.input_path, row.object_name, layout.lightings[0]);
    const judged = judgedAt(table, best.threshold);
    return {
      iteration: best.label,
      threshold: best.threshold,
      says: sentences(state, judged),
      flagged_pass: await errorsOf(table, judged.flagged, judged.passed, most, pathOf),
      missed_defects: await errorsOf(table, judged.missed, judged.defects, most, pathOf),
    };
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

type Measured = Pick<IterationState, "training_spec"> & { label: string; inference_csv: string; threshold: number };

function bestOf({ iterations, metric_contract }: RunState): Measured | undefined {
  const measured = Object.entries(iterations).flatMap(([label, one]) => {
    const { metric_result, inference_csv, training_spec } = one;
    const threshold = metric_result?.threshold ?? one.threshold;
    if (metric_result === undefined || inference_csv === undefined || threshold === undefined) return [];
    return [{ ...metric_result, found: { label, inference_csv, threshold, training_spec } }];
  });
  return selectBest(metric_contract, measured)?.found;
}

/** Rows at a threshold: how many there are of either kind, the wrong ones by number, worst first, and the nearest right ones. */
type Judged = Readonly<Record<"passed" | "defects" | "threshold" | "nearest" | "weakest", number>> &
  Readonly<Record<"flagged" | "missed", readonly number[]>>;

function judgedAt({ rows, scores, label, labels }: InferenceTable, threshold: number): Judged {
  const isGood = labels.map(isPass);
  const [flagged, missed] = [[] as number[], [] as number[]];
  let [passed, nearest, weakest] = [0, -Infinity, Infinity];
  for (let row = 0; row < rows; row++) {
    const score = scores[row] as number;
    if (isGood[label[row] as number]) {
      passed++;
      if (score > threshold) flagged.push(row);
      else nearest = Math.max(nearest, score);
    } else if (score > threshold) weakest = Math.min(weakest, score);
    else missed.push(row);
  }
  flagged.sort((a, b) => (scores[b] as number) - (scores[a] as number));
  missed.sort((a, b) => (scores[a] as number) - (scores[b] as number));
  return { passed, defects: rows - passed, threshold, nearest, weakest, flagged, missed };
}

function sentences({ config, holdout }: RunState, judged: Judged): string[] {
  const { threshold, passed, defects, flagged, missed } = judged;
  const shown = fourDigits(threshold);
  const lines = [
    `A part is rejected where its score is above ${shown}: ${flagged.length} of ${passed} PASS parts are (false alarms), ${missed.length} of ${defects} defective parts are not (escapes).`,
    marginText(judged),
    holdout === undefined
      ? `The threshold was chosen on these very ${passed + defects} KPI parts; check it on parts that had no say in it.`
      : holdoutText(holdout),
  ];
  if (programOf(config.platform, config.platform_settings) === "engine") {
    lines.push(
      `The figures come from ${config.engine}, a small stand-in on the CPU: they show that the loop works, not what TAO Visual ChangeNet would reach.`,
    );
  }
  return lines;
}

function marginText({ threshold, weakest, nearest }: Judged): string {
  const above = Number.isFinite(weakest) ? `${fourDigits(weakest - threshold)} above it` : "nowhere";
  const below = Number.isFinite(nearest) ? `${fourDigits(threshold - nearest)} below it` : "nowhere";
  return `Margin: the weakest defect that is caught lies ${above}, the nearest PASS part that is let through ${below}.`;
}

async function errorsOf(
  table: InferenceTable,
  rows: readonly number[],
  of: number,
  most: number,
  pathOf: (row: InferenceRow) => string,
): Promise<Errors> {
  const [labels, boards] = [groupCounts(), groupCounts()];
  const count = (at: number): void => {
    const row = table.at(rows[at] as number);
    labels.add(row.label);
    boards.add(boardOf(row));
  };
  await inTurns(rows.length, count);
  return {
    count: rows.length,
    of,
    by_label: labels.most(),
    by_board: boards.most(),
    examples: rows
      .slice(0, most)
      .map(table.at)
      .map((row) => ({ label: row.label, board: boardOf(row), score: row.score, path: pathOf(row) })),
  };
}

/** The first folder of a row's path names its board; a path without one names none. */
function boardOf({ input_path }: InferenceRow): string {
  const folders = input_path.split("/").filter((part) => part !== "" && part !== ".");
  return folders[0] ?? "(no folder)";
}

const mostGroups = 20;

/** Counts by group; what is told are the largest groups. */
function groupCounts() {
  const counts = new Map<string, number>();
  return {
    add(group: string): void {
      counts.set(group, (counts.get(group) ?? 0) + 1);
    },
    most: (): Counts => Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]).slice(0, mostGroups)),
  };
}
