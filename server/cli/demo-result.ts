import { readRun } from "../journal/journal.ts";
import { load } from "../report/load.ts";
import type { LoopEnd } from "./demo-loop.ts";
import { systemDeps } from "./deps.ts";
import type { CliIo } from "./io.ts";
import { type IterationFigures, readFigures } from "./run-figures.ts";
import { textTable } from "./text-table.ts";

/** What the demo reports, in the shape that design.md fixes for `--json`. */
export type DemoResult = {
  readonly run_dir: string;
  readonly status: string;
  readonly stop_reason: string | null;
  readonly platform: string;
  readonly iterations: readonly IterationFigures[];
  readonly best: Pick<IterationFigures, "label" | "far_pct" | "threshold"> | null;
  readonly report: string;
  readonly seconds: number;
};

/** Reads the result, and one sentence on it, back from the run directory alone. */
export async function readDemoResult(
  end: LoopEnd,
  io: CliIo,
  seconds: number,
): Promise<{ result: DemoResult; outcome: string }> {
  const { state } = await readRun(end.run_dir);
  const iterations = await readFigures(state);
  const { best, outcome } = await load(end.run_dir, systemDeps(io));
  const winner = iterations.find(({ label }) => label === best);
  const result = {
    run_dir: end.run_dir,
    status: state.status,
    stop_reason: state.stop_reason ?? null,
    platform: state.config.platform,
    iterations,
    best: winner === undefined ? null : { label: winner.label, far_pct: winner.far_pct, threshold: winner.threshold },
    report: end.report,
    seconds: Math.round(seconds * 10) / 10,
  };
  return { result, outcome: outcome.sentence };
}

/** The result for people; the report comes last, where it is found. */
export function demoResultText(result: DemoResult, outcome: string): string {
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
Best       ${outcome}
Run        ${result.run_dir}
Report     ${result.report}
`;
}
