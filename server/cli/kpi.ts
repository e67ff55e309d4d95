import { resolve } from "node:path";
import { analyseKpi, type KpiAnalysis, writeKpiFiles } from "../data/kpi-files.ts";
import { excerpt, Refusal } from "../errors.ts";
import { kindOf } from "../fs/read.ts";
import { readRun } from "../journal/journal.ts";
import { measureFar } from "../kpi/far-at-recall.ts";
import { recallLine } from "../kpi/kpi-text.ts";
import type { OperatingPoint } from "../kpi/sweep.ts";
import { defined } from "../run/defined.ts";
import { runPaths } from "../run/paths.ts";
import type { RunState } from "../run/state.ts";
import type { Given } from "./declarations.ts";
import { systemDeps } from "./deps.ts";
import { command } from "./frame.ts";
import { type CliIo, print } from "./io.ts";
import { runNearby } from "./nearby.ts";

/** `deft-mcp kpi [CSV|RUN]`: the operating points of an inference CSV, with `--output-dir` also the published files. */
export const run = command("kpi", async (given, io) => {
  const { options } = given;
  const { csv, recall, origin } = await sourceOf(given, io);
  const minRecall = options["min-recall"] ?? recall;
  const columns = {
    label_column: options["label-column"],
    score_column: options["score-column"],
    pass_label: options["pass-label"],
  };
  const analysis = await analyseKpi(csv, minRecall, columns);
  const { sweep, table } = analysis;
  const isMeasurable = sweep.passRows > 0 && sweep.defectiveRows > 0;
  const measurement = isMeasurable ? measureFar(sweep, minRecall * 100) : undefined;
  const directory = options["output-dir"];
  const how = { minRecall, columns, ...defined({ measurement }) };
  const written = directory === undefined ? [] : await writeKpiFiles(directory, csv, analysis, how);
  if (table.blankLabels > 0 && !options.json) {
    print(io.stderr, `note: ${table.blankLabels} rows have no label and count as NO_PASS\n`);
  }
  const from = origin === undefined ? [] : [`${origin.iteration} of ${origin.run_dir}: ${csv}`];
  const lines = [...from, ...pointLines(analysis, minRecall), ...written];
  return { value: { ...jsonOf(analysis), ...origin }, text: `${lines.join("\n")}\n` };
});

/** The CSV that is meant, the named file or that of a run, and the share of defects to flag. @throws Refusal `input.invalid` when it has none. */
async function sourceOf({ positionals: [named], options }: Given<"kpi">, io: CliIo) {
  const path = resolve(io.cwd, named ?? "");
  if (named !== undefined && (await isCsv(path))) return { csv: path, recall: 1 };
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
  return { csv, recall: targetRecall(state), origin: { run_dir: runDir, iteration: label, inference_csv: csv } };
}

/** Anything that is neither a run directory nor looks like the id of one is read as a CSV. */
async function isCsv(path: string): Promise<boolean> {
  const kind = await kindOf(path);
  if (kind === "absent") return !/(^|\/)run_[^/.]+$/.test(path);
  return kind !== "directory" || (await kindOf(runPaths(path).state)) !== "file";
}

function targetRecall({ metric_contract: { evaluator } }: RunState): number {
  return evaluator.type === "builtin" ? evaluator.parameters.recall_target_pct / 100 : 1;
}

function jsonOf({ sweep, atRecall, bestF1 }: KpiAnalysis) {
  return {
    rows: sweep.passRows + sweep.defectiveRows,
    pass_rows: sweep.passRows,
    no_pass_rows: sweep.defectiveRows,
    recall_operating_point: atRecall ?? null,
    best_f1: bestF1 ?? null,
  };
}

function pointLines({ sweep, atRecall, bestF1 }: KpiAnalysis, minRecall: number): string[] {
  const rows = `${sweep.passRows + sweep.defectiveRows} rows: ${sweep.passRows} PASS, ${sweep.defectiveRows} NO_PASS`;
  const best = bestF1 === undefined ? [] : [`Best F1: ${pointText(bestF1)}`];
  return [rows, recallLine(atRecall, minRecall), ...best].filter((line) => line !== "");
}

function pointText({ threshold, far, precision, recall, f1 }: OperatingPoint): string {
  const figure = (value: number) => (Number.isNaN(value) ? "undefined" : value.toFixed(6));
  return `threshold ${threshold} (FAR=${figure(100 * far)}%, precision=${figure(precision)}, recall=${figure(recall)}, f1=${figure(f1)})`;
}
