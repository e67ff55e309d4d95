import { resolve } from "node:path";
import { analyseKpi, type KpiAnalysis, writeKpiFiles } from "../data/kpi-files.ts";
import { judgeScores, type ScoresVerdict } from "../data/sanity/judge-scores.ts";
import { labelFacts, likelyPassLabel } from "../data/sanity/labels.ts";
import { quoted, Refusal } from "../errors.ts";
import { measureFar } from "../kpi/far-at-recall.ts";
import { recallLine } from "../kpi/kpi-text.ts";
import type { OperatingPoint } from "../kpi/sweep.ts";
import { numberOption, parseArguments } from "./arguments.ts";
import { type CliIo, print } from "./io.ts";
import { exitOk, printJson, reportRefusal } from "./outcome.ts";

const usage = `usage: deft-mcp kpi CSV [--min-recall 1.0] [--label-column label] [--score-column siamese_score] [--pass-label PASS]
                    [--output-dir DIR] [--json]

Finds the decision threshold of an inference CSV: the best one that flags the asked share of defects (1.0 is all), and
the one with the best F1. With --output-dir it writes the table of all thresholds, a summary, missed rows and plots.
`;

/** `deft-mcp kpi CSV`: the operating points of an inference CSV, with `--output-dir` also the published files. */
export async function run(argv: string[], io: CliIo): Promise<number> {
  if (argv.includes("--help")) {
    print(io.stdout, usage);
    return exitOk;
  }
  return await reportRefusal(io, argv.includes("--json"), async () => {
    const given = parseArguments(
      argv,
      {
        "min-recall": { type: "string" },
        "label-column": { type: "string" },
        "score-column": { type: "string" },
        "pass-label": { type: "string" },
        "output-dir": { type: "string" },
        json: { type: "boolean" },
      },
      ["CSV"],
    );
    const path = resolve(io.cwd, given.positionals[0] ?? "");
    const minRecall = numberOption(given, "min-recall", { min: 0, max: 1 }) ?? 1;
    const columns = {
      label_column: given.text("label-column"),
      score_column: given.text("score-column"),
      pass_label: given.text("pass-label"),
    };
    const analysis = await analyseKpi(path, minRecall, columns);
    const verdict = await judgeScores(path, columns);
    refuseMisreadClass(path, analysis, verdict, columns.pass_label ?? "PASS");
    const notes = notesOn(analysis, verdict);
    const directory = given.text("output-dir");
    const written =
      directory === undefined ? [] : await writeFiles(resolve(io.cwd, directory), path, analysis, minRecall, columns);
    if (given.flag("json")) printJson(io, { ...jsonOf(analysis), notes });
    else printText(io, analysis, minRecall, written);
    for (const note of notes) print(io.stderr, `note: ${note}\n`);
    return exitOk;
  });
}

async function writeFiles(
  directory: string,
  path: string,
  analysis: KpiAnalysis,
  minRecall: number,
  columns: Parameters<typeof analyseKpi>[2],
): Promise<string[]> {
  const { sweep } = analysis;
  const measurable = sweep.passRows > 0 && sweep.defectiveRows > 0;
  return writeKpiFiles(directory, path, analysis, {
    minRecall,
    ...(columns === undefined ? {} : { columns }),
    ...(measurable ? { measurement: measureFar(sweep, minRecall * 100) } : {}),
  });
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
    best_f1: bestF1 ?? null,
  };
}

function printText(io: CliIo, analysis: KpiAnalysis, minRecall: number, written: readonly string[]): void {
  const { sweep, atRecall, bestF1 } = analysis;
  const rows = `${sweep.passRows + sweep.defectiveRows} rows: ${sweep.passRows} PASS, ${sweep.defectiveRows} NO_PASS`;
  const lines = [rows, recallLine(atRecall, minRecall), bestF1 === undefined ? "" : `Best F1: ${pointText(bestF1)}`];
  print(io.stdout, `${[...lines, ...written].filter((line) => line !== "").join("\n")}\n`);
}

function pointText({ threshold, far, precision, recall, f1 }: OperatingPoint): string {
  const figure = (value: number) => (Number.isNaN(value) ? "undefined" : value.toFixed(6));
  return `threshold ${threshold} (FAR=${figure(100 * far)}%, precision=${figure(precision)}, recall=${figure(recall)}, f1=${figure(f1)})`;
}
