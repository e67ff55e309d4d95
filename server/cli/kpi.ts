import { resolve } from "node:path";
import { analyseKpi, type KpiAnalysis, writeKpiFiles } from "../data/kpi-files.ts";
import { judgeScores, type ScoresVerdict } from "../data/sanity/judge-scores.ts";
import { labelFacts, likelyPassLabel } from "../data/sanity/labels.ts";
import { excerpt, quoted, Refusal } from "../errors.ts";
import { kindOf } from "../fs/read.ts";
import { readRun } from "../journal/journal.ts";
import { escapeBoundPct, farInterval, intervalText, recallInterval, shownConfidencePct } from "../kpi/certainty.ts";
import { measureFar } from "../kpi/far-at-recall.ts";
import { recallLine } from "../kpi/kpi-text.ts";
import type { OperatingPoint, Sweep } from "../kpi/sweep.ts";
import { defined } from "../run/defined.ts";
import type { RunState } from "../run/state.ts";
import type { Given } from "./declarations.ts";
import { systemDeps } from "./deps.ts";
import { command } from "./frame.ts";
import { type CliIo, print } from "./io.ts";
import { compareScorings, comparisonText } from "./kpi-against.ts";
import { runNearby } from "./nearby.ts";

/** `deft-mcp kpi [CSV|RUN]`: the operating points of an inference CSV, with `--output-dir` also the published files. */
export const run = command("kpi", async (given, io) => {
  const { options } = given;
  const { csv, recall, threshold, origin } = await sourceOf(given, io);
  const minRecall = options["min-recall"] ?? recall;
  const columns = {
    label_column: options["label-column"],
    score_column: options["score-column"],
    pass_label: options["pass-label"],
  };
  const analysis = await analyseKpi(csv, minRecall, columns);
  const verdict = await judgeScores(csv, columns);
  refuseMisreadClass(csv, analysis, verdict, columns.pass_label ?? "PASS");
  const notes = notesOn(analysis, verdict);
  const { sweep } = analysis;
  const measurement = isMeasurable(sweep) ? measureFar(sweep, minRecall * 100) : undefined;
  const directory = options["output-dir"];
  const how = { minRecall, columns, ...defined({ measurement }) };
  const written = directory === undefined ? [] : await writeKpiFiles(directory, csv, analysis, how);
  if (!options.json) for (const note of notes) print(io.stderr, `note: ${note}\n`);
  const from = origin === undefined ? [] : [`${origin.iteration} of ${origin.run_dir}: ${csv}`];
  const { against } = options;
  const now = { csv, recall: minRecall, ...defined({ threshold }) };
  const compared = against === undefined ? undefined : await compareScorings({ csv: against, recall: minRecall }, now);
  const lines = [
    ...from,
    ...pointLines(analysis, minRecall),
    ...(compared ? comparisonText(compared) : []),
    ...written,
  ];
  return { value: { ...jsonOf(analysis), notes, ...origin, ...defined({ compared }) }, text: `${lines.join("\n")}\n` };
});

/** The CSV that is meant, the named file or that of a run, and the share of defects to flag. @throws Refusal `input.invalid` when it has none. */
async function sourceOf({ positionals: [named], options }: Given<"kpi">, io: CliIo) {
  const path = resolve(io.cwd, named ?? "");
  if (named !== undefined && (await isCsv(path))) return { csv: path, recall: 1, threshold: undefined };
  const runDir = await runNearby(named, options.workspace, systemDeps(io));
  const { state } = await readRun(runDir, io);
  const evaluated = Object.entries(state.iterations).filter(([, { inference_csv }]) => inference_csv !== undefined);
  const wanted = options.iteration;
  const [label, iteration] = evaluated.findLast(([one]) => wanted === undefined || one === wanted) ?? [];
  if (label === undefined || iteration?.inference_csv === undefined) {
    const message =
      wanted === undefined ? "No iteration of this run is evaluated yet." : "That iteration is not evaluated.";
    const facts = { run: runDir, iteration: wanted && excerpt(wanted, 40), evaluated: evaluated.map(([one]) => one) };
    throw new Refusal("input.invalid", message, facts);
  }
  const csv = iteration.inference_csv;
  return {
    csv,
    recall: targetRecall(state),
    threshold: iteration.threshold,
    origin: { run_dir: runDir, iteration: label, inference_csv: csv },
  };
}

/** Anything that is neither a directory nor looks like the id of a run is read as a CSV. */
async function isCsv(path: string): Promise<boolean> {
  const kind = await kindOf(path);
  if (kind === "absent") return !/(^|\/)run_[^/.]+$/.test(path);
  return kind !== "directory";
}

function targetRecall({ metric_contract: { evaluator } }: RunState): number {
  return evaluator.type === "builtin" ? evaluator.parameters.recall_target_pct / 100 : 1;
}

/** One class alone where a label reads like the other one: every figure would be of the wrong question. */
function refuseMisreadClass(path: string, { sweep }: KpiAnalysis, { labels }: ScoresVerdict, passLabel: string): void {
  const likely = sweep.passRows > 0 ? undefined : likelyPassLabel(labels);
  if (likely === undefined) return;
  const message = `${path} has no row labelled ${quoted(passLabel)}; ${quoted(likely)} reads like it (--pass-label).`;
  throw new Refusal("metric.undefined", message, { path, labels: labelFacts(labels), likely_pass_label: likely });
}

function notesOn({ sweep, table }: KpiAnalysis, { findings }: ScoresVerdict): string[] {
  const one = sweep.passRows === 0 || sweep.defectiveRows === 0;
  return [
    ...(table.blankLabels === 0 ? [] : [`${table.blankLabels} rows have no label and count as NO_PASS`]),
    ...(one ? ["the rows are of one class, so FAR at a recall is undefined"] : []),
    ...findings.map(({ text }) => text),
  ];
}

function jsonOf({ sweep, atRecall, bestF1 }: KpiAnalysis) {
  return {
    rows: sweep.passRows + sweep.defectiveRows,
    pass_rows: sweep.passRows,
    no_pass_rows: sweep.defectiveRows,
    recall_operating_point: atRecall ?? null,
    recall_operating_point_intervals: isMeasurable(sweep) && atRecall !== undefined ? intervalsOf(atRecall) : null,
    best_f1: bestF1 ?? null,
  };
}

function pointLines({ sweep, atRecall, bestF1 }: KpiAnalysis, minRecall: number): string[] {
  const rows = `${sweep.passRows + sweep.defectiveRows} rows: ${sweep.passRows} PASS, ${sweep.defectiveRows} NO_PASS`;
  const best = bestF1 === undefined ? [] : [`Best F1: ${pointText(bestF1)}`];
  const sure = isMeasurable(sweep) && atRecall !== undefined ? [sureText(atRecall)] : [];
  return [rows, recallLine(atRecall, minRecall), ...sure, ...best].filter((line) => line !== "");
}

function isMeasurable({ passRows, defectiveRows }: Sweep): boolean {
  return passRows > 0 && defectiveRows > 0;
}

/** Exact intervals in percent, and the share of defects that may escape at most. */
function intervalsOf(point: OperatingPoint) {
  return {
    confidence_pct: shownConfidencePct,
    far_pct: farInterval(point),
    recall_pct: recallInterval(point),
    escape_pct_at_most: escapeBoundPct(point),
  };
}

function sureText(point: OperatingPoint): string {
  const { confidence_pct, far_pct, recall_pct, escape_pct_at_most } = intervalsOf(point);
  const missed = `${point.fn} missed of ${point.tp + point.fn}: at most ${escape_pct_at_most.toFixed(2)}% escape`;
  return `At ${confidence_pct}% confidence: FAR ${intervalText(far_pct)}, recall ${intervalText(recall_pct)}; ${missed}. Threshold and figure come from the same rows.`;
}

function pointText({ threshold, far, precision, recall, f1 }: OperatingPoint): string {
  const figure = (value: number) => (Number.isNaN(value) ? "undefined" : value.toFixed(6));
  return `threshold ${threshold} (FAR=${figure(100 * far)}%, precision=${figure(precision)}, recall=${figure(recall)}, f1=${figure(f1)})`;
}
