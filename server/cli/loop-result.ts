import { readRun } from "../journal/journal.ts";
import { loadOutcome } from "../report/load.ts";
import type { Outcome } from "../report/model.ts";
import { runPaths } from "../run/paths.ts";
import { type IterationFigures, readFigures } from "./run-figures.ts";
import { textTable } from "./text-table.ts";

/** What a loop came to, in the shape that design.md fixes for `--json`. */
export type LoopResult = {
  readonly run_dir: string;
  readonly status: string;
  readonly stop_reason: string | null;
  readonly platform: string;
  readonly iterations: readonly IterationFigures[];
  readonly best: Pick<IterationFigures, "label" | "far_pct" | "threshold"> | null;
  readonly report: string;
  readonly seconds: number;
};

/** Reads the result, and how it stands against its target, back from the run directory alone. */
export async function readLoopResult(
  runDir: string,
  seconds: number,
): Promise<{ result: LoopResult; outcome: Outcome }> {
  const { state } = await readRun(runDir);
  const iterations = await readFigures(state);
  const { best, outcome } = await loadOutcome(runDir);
  const winner = iterations.find(({ label }) => label === best);
  const result = {
    run_dir: runDir,
    status: state.status,
    stop_reason: state.stop_reason ?? null,
    platform: state.config.platform,
    iterations,
    best: winner === undefined ? null : { label: winner.label, far_pct: winner.far_pct, threshold: winner.threshold },
    report: runPaths(runDir).report,
    seconds: Math.round(seconds * 10) / 10,
  };
  return { result, outcome };
}

/** The result for people; the report comes last, where it is found. */
export function loopResultText(result: LoopResult, outcome: Outcome): string {
  const pct = (value: number | null) => (value === null ? "-" : `${value.toFixed(2)}%`);
  const rows = result.iterations.map((one) => [
    one.label,
    pct(one.far_pct),
    pct(one.far_pct_at_recall_99),
    pct(one.recall_pct),
    String(one.train_rows),
    String(one.mined_rows),
    String(one.synthetic_rows),
  ]);
  const header = ["iteration", "FAR", "FAR at recall 99%", "recall", "training rows", "mined", "synthetic"];
  return `
${textTable(header, rows)}

Stopped    ${result.stop_reason ?? "-"} (run ${result.status}) after ${Math.round(result.seconds)} s
Best       ${outcome.sentence}
Run        ${result.run_dir}
Report     ${result.report}
`;
}
