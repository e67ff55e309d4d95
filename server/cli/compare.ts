import { basename } from "node:path";
import { readRun } from "../journal/journal.ts";
import { fourDigits } from "../run/figures.ts";
import type { RunState } from "../run/state.ts";
import { systemDeps } from "./deps.ts";
import { command } from "./frame.ts";
import { runNearby } from "./nearby.ts";
import { type IterationFigures, readFigures } from "./run-figures.ts";
import { textTable } from "./text-table.ts";

type Compared = {
  readonly run: string;
  readonly run_dir: string;
  readonly status: string;
  readonly stop_reason: string | null;
  readonly target: string;
  readonly engine: string;
  readonly best: string | null;
  readonly iterations: readonly IterationFigures[];
  /** What the figures were measured with and on; only figures of equal rulers can be compared. */
  readonly ruler: Readonly<Record<string, string>>;
};

/** `deft-mcp compare RUN RUN...`: the figures of several runs side by side, and whether one ruler measured them. */
export const run = command("compare", async ({ positionals, options }, io) => {
  const deps = systemDeps(io);
  const named = positionals.filter((name) => name !== undefined);
  const runs: Compared[] = [];
  for (const name of named) {
    const runDir = await runNearby(name, options.workspace, deps);
    const { state } = await readRun(runDir, deps);
    runs.push(comparedOf(runDir, state, await readFigures(state)));
  }
  const differs = differences(runs);
  const value = { runs, same_ruler: differs.length === 0, differs };
  return { value, text: `${summaryTable(runs)}\n\n${curveTable(runs)}\n\n${rulerText(differs)}\n` };
});

function comparedOf(run_dir: string, state: RunState, iterations: readonly IterationFigures[]): Compared {
  const { config, plan, metric_contract: contract } = state;
  const better = (a: IterationFigures, b: IterationFigures) => (a.far_pct ?? 101) <= (b.far_pct ?? 101);
  const best = iterations.reduce<IterationFigures | undefined>((a, b) => (a && better(a, b) ? a : b), undefined);
  return {
    run: basename(run_dir),
    run_dir,
    status: state.status,
    stop_reason: state.stop_reason ?? null,
    target: state.kpi_target,
    engine: config.engine,
    best: best?.label ?? null,
    iterations,
    ruler: {
      "KPI table": String(plan.inputs.kpi_csv?.sha256 ?? config.kpi_test_csv),
      metric: JSON.stringify([contract.name, contract.evaluator, contract.constraints ?? null]),
      engine: config.engine,
    },
  };
}

function differences(runs: readonly Compared[]): string[] {
  const names = Object.keys(runs[0]?.ruler ?? {});
  return names.filter((name) => new Set(runs.map(({ ruler }) => ruler[name])).size > 1);
}

const figure = (value: number | null | undefined) => (value === null || value === undefined ? "-" : fourDigits(value));

function summaryTable(runs: readonly Compared[]): string {
  const header = ["run", "status", "best", "FAR %", "recall %", "threshold", "training rows", "mined", "synthetic"];
  const rows = runs.map(({ run, status, stop_reason, best, iterations }) => {
    const one = iterations.find(({ label }) => label === best);
    const sum = (key: "mined_rows" | "synthetic_rows") => iterations.reduce((total, row) => total + row[key], 0);
    const measured = [one?.far_pct, one?.recall_pct, one?.threshold, one?.train_rows].map(figure);
    return [
      run,
      stop_reason ?? status,
      best ?? "-",
      ...measured,
      figure(sum("mined_rows")),
      figure(sum("synthetic_rows")),
    ];
  });
  return textTable(header, rows);
}

function curveTable(runs: readonly Compared[]): string {
  const labels = [...new Set(runs.flatMap(({ iterations }) => iterations.map(({ label }) => label)))];
  const rows = labels.map((label) => [
    label,
    ...runs.map(({ iterations }) => figure(iterations.find((one) => one.label === label)?.far_pct)),
  ]);
  return textTable(["FAR % by iteration", ...runs.map(({ run }) => run)], rows);
}

function rulerText(differs: readonly string[]): string {
  if (differs.length === 0)
    return "Same ruler: KPI table, metric and engine are equal, so the figures can be compared.";
  return `Not the same ruler (${differs.join(", ")}): the figures say nothing about which run is better.`;
}
