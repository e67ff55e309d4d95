import { certaintyText } from "../../kpi/certainty.ts";
import { describeContract } from "../../kpi/metric-contract.ts";
import { fourDigits } from "../../run/figures.ts";
import type { IterationLabel } from "../../run/labels.ts";
import type { MetricContract } from "../../run/metric.ts";
import type { IterationState, LedgerCount } from "../../run/state.ts";

const wordLimit = 300;

/** The text of `iter<N>_summary.md`: figures, rows and every warning, cut at 300 words. */
export function iterationSummary(
  label: IterationLabel,
  iteration: IterationState,
  before: IterationState | undefined,
  contract: MetricContract,
): string {
  const lines = [
    `# ${label}`,
    "",
    `- Target: ${describeContract(contract)}`,
    metricLine(iteration, before, contract),
    `- Checkpoint: ${iteration.best_ckpt_kind ?? "n/a"}, threshold ${shownOr(iteration.threshold)}, val_loss ${shownOr(iteration.val_loss)}`,
    ...rowLines(iteration),
  ];
  const warnings = (iteration.warnings ?? []).toSorted((a, b) => Number(isYieldDrop(b)) - Number(isYieldDrop(a)));
  if (warnings.length > 0) lines.push("", "## Warnings", "", ...warnings.map((warning) => `- ${warning}`));
  return `${withinLimit(lines).join("\n")}\n`;
}

function shownOr(value: number | null | undefined): string {
  return value === undefined || value === null ? "n/a" : fourDigits(value);
}

function metricLine(iteration: IterationState, before: IterationState | undefined, contract: MetricContract): string {
  const now = iteration.metric_result;
  const was = before?.metric_result;
  const shown = (value: number) => `${Number(value.toFixed(4))}${contract.unit}`;
  if (!now) return `- ${contract.display_name}: not measured`;
  const change = was ? `${shown(was.value)} → ${shown(now.value)}` : shown(now.value);
  const sure = certaintyText(contract, now.counts);
  return `- ${contract.display_name}: ${change}${now.passed ? " (MET)" : ""}${sure === undefined ? "" : `; ${sure}`}`;
}

function rowLines(iteration: IterationState): string[] {
  const { ledger = {} } = iteration;
  const count = (name: LedgerCount) => ledger[name] ?? 0;
  const generation = iteration.anomalygen_skipped
    ? "skipped, nothing was routed to it"
    : `${count("requested")} requested, ${count("placed")} placed, ${count("generated")} generated, ${count("guardrail_blocked")} blocked, ${count("paired")} used`;
  const mining = iteration.data_mining_skipped
    ? "skipped, nothing was routed to it"
    : `${count("mining_targets")} targets, ${count("mining_candidates")} candidates, ${count("mining_below_floor")} below the cosine floor, ${count("mining_taken_before")} taken before, ${count("mined")} used`;
  return [
    `- Weak samples: ${count("gap_rows")} images; ${count("routed_mining")} to mining, ${count("routed_anomalygen")} to generation, ${count("routed_dropped")} to neither`,
    `- Generation: ${generation}`,
    `- Mining: ${mining}`,
    `- Training rows: ${count("earlier_rows")} → ${count("train_rows")}, ${count("new_unique_rows")} of them new`,
  ];
}

function isYieldDrop(warning: string): boolean {
  return warning.startsWith("Mining yield dropped");
}

/** Whole lines while they fit; the lines that must be there come first. */
function withinLimit(lines: readonly string[]): string[] {
  let words = 0;
  const fitting: string[] = [];
  for (const line of lines) {
    words += line.split(/\s+/).filter((word) => word !== "").length;
    if (words > wordLimit) break;
    fitting.push(line);
  }
  return fitting;
}
