import { mandatoryColumns, refuseMissingColumns } from "../../data/changenet.ts";
import type { Problem } from "../../data/problems.ts";
import { type RowColumns, readRowColumns, rowsByLabel } from "../../data/row-columns.ts";
import { likelyPassLabel } from "../../data/sanity/labels.ts";
import { type Validation, validateCsv } from "../../data/validate.ts";
import { quoted, Refusal } from "../../errors.ts";
import { kindOf } from "../../fs/read.ts";
import { defined } from "../../run/defined.ts";
import { canonicalLabel } from "../../run/pass-labels.ts";
import { workspacePaths } from "../../run/paths.ts";
import { halt, ok } from "../findings.ts";
import { labelText, passRows, rankedCounts } from "../label-counts.ts";
import {
  type CsvFacts,
  type CsvRole,
  csvRoles,
  type Findings,
  type Step,
  type StepCheck,
  type Survey,
} from "../survey.ts";
import { inputPath } from "../workspace.ts";

const titles: Readonly<Record<CsvRole, string>> = {
  training_csv: "Training CSV",
  validation_csv: "Validation CSV",
  kpi_csv: "KPI CSV",
  holdout_csv: "Frozen test set",
};

/**
 * The three base CSVs and the frozen test set, where there is one: columns, cells, label case, both images of every row under every lighting, both classes and
 * enough rows for a batch. TAO would find out in the middle of an epoch.
 */
export const baseCsvSteps: readonly Step[] = csvRoles.map((role) => ({
  id: role,
  title: titles[role],
  async look(survey): Promise<Findings> {
    const given = role === "holdout_csv" ? undefined : survey.request[role];
    const usual = usualPath(survey, role);
    if (role === "holdout_csv" && (await kindOf(usual)) === "absent") return {};
    const path = await inputPath(survey.workspace, given ?? usual, role);
    const columns = await readRowColumns(path);
    const { rows } = columns;
    refuseMissingColumns(path, columns.header, mandatoryColumns);
    if (rows === 0) throw new Refusal("gate.no-rows", `${path} has a header and no rows.`, { path });
    const labels = labelsOf(columns);
    refuseBadShape(survey, role, path, { rows, labels });
    const judged = await judge(survey, path, columns);
    const relabelled = judged.problems.find(({ code }) => code === "gate.label-case")?.count;
    const csv: CsvFacts = { path, sha256: columns.sha256, rows, labels, ...defined({ relabelled }) };
    const found = { csvs: { ...survey.csvs, [role]: csv } };
    const warnings = [...warningsOn(columns, judged), ...fewSteps(survey, role, rows)];
    const halts = judged.problems.filter(({ code }) => code !== "gate.duplicate-row" && code !== "gate.label-case");
    if (halts.length > 0) return { found, checks: halts.map((problem) => fault(path, problem)), warnings };
    const detail = `${rows} rows (${labelText(labels)}); ${path}`;
    return ok(detail, { found, warnings });
  },
}));

/** Rows by label as the run will spell it. */
function labelsOf(columns: RowColumns): Record<string, number> {
  const counts = new Map<string, number>();
  for (const [label, rows] of rowsByLabel(columns)) {
    counts.set(canonicalLabel(label), (counts.get(canonicalLabel(label)) ?? 0) + rows);
  }
  return rankedCounts(counts);
}

function usualPath(survey: Survey, role: CsvRole): string {
  const paths = workspacePaths(survey.workspace);
  const { trainingCsv, validationCsv, kpiCsv, holdoutCsv } = paths;
  return { training_csv: trainingCsv, validation_csv: validationCsv, kpi_csv: kpiCsv, holdout_csv: holdoutCsv }[role];
}

/** What is wrong with the rows; without a spec or an images root no path means anything yet. */
async function judge(
  survey: Survey,
  csv: string,
  columns: RowColumns,
): Promise<Pick<Validation, "problems" | "warnings">> {
  const { spec, images_dir, workspace, signal } = survey;
  if (spec === undefined || images_dir === undefined) return { problems: [], warnings: [] };
  const reader = survey.program === "engine" ? "embedded" : survey.program;
  const where = { csv, columns, workspace, images_root: images_dir, lightings: spec.content };
  return await validateCsv({ ...where, ...defined({ reader, signal }) });
}

const problemNames: Readonly<Record<string, string>> = {
  "gate.missing-value": "cells that the loader reads as missing",
  "gate.numeric-column": "columns that the loader would read as numbers",
  "gate.missing-image": "images missing",
  "gate.bad-image": "images that cannot be read",
  "gate.path-outside-workspace": "images outside the workspace",
};

function fault(path: string, { code, count, examples, text }: Problem): StepCheck {
  const what = text ?? `${count} ${problemNames[code] ?? "faults"}`;
  return { ...halt(code, `${path}: ${what}${placeText(examples)}`), facts: { count, examples } };
}

function warningsOn({ path, bom }: RowColumns, judged: Awaited<ReturnType<typeof judge>>): string[] {
  const doubled = judged.problems.filter((problem) => problem.code === "gate.duplicate-row");
  const spelled = judged.problems.filter((problem) => problem.code === "gate.label-case");
  const copies = spelled.map(
    ({ count, examples }) =>
      `${path}: ${count} labels are neither PASS nor lower case${placeText(examples)}: the run works on a copy of its own that spells them so.`,
  );
  const doubts = [...doubled, ...judged.warnings].map(
    ({ text, examples }) => `${path}: ${text}${placeText(examples)}.`,
  );
  return [
    ...(bom ? [`${path} begins with a byte order mark, which TAO's loader does not take.`] : []),
    ...doubts,
    ...copies,
  ];
}

/** Up to three lines of the CSV, where the examples have any. */
function placeText(examples: Problem["examples"]): string {
  const lines = examples.flatMap(({ line }) => (typeof line === "number" ? [line] : [])).slice(0, 3);
  return lines.length === 0 ? "" : ` (e.g. line ${lines.join(", ")})`;
}

/** Steps of the optimiser below which a network that starts from a backbone has hardly learnt anything. */
const leastSteps = 300;

/** A small seed set trains for few steps, however many epochs a spec for a large one has. */
function fewSteps({ parameters, program }: Survey, role: CsvRole, rows: number): string[] {
  const [batch, epochs] = [parameters.batch_size?.value, parameters.num_epochs?.value];
  if (role !== "training_csv" || program !== "tao" || typeof batch !== "number" || typeof epochs !== "number")
    return [];
  const gpus = Math.max(1, Number(parameters.num_gpus?.value ?? 1));
  const each = Math.max(1, Math.floor(rows / (batch * gpus)));
  if (each * epochs >= leastSteps) return [];
  const enough = Math.ceil(leastSteps / each);
  return [
    `${rows} training rows make ${each * epochs} steps in ${epochs} epochs of batch ${batch}: for a set this small pass num_epochs ${enough} or more (${leastSteps} steps), or a smaller batch_size.`,
  ];
}

/** Counts that end a training or leave the KPI undefined. */
function refuseBadShape(
  survey: Survey,
  role: CsvRole,
  path: string,
  { rows, labels }: Pick<CsvFacts, "rows" | "labels">,
): void {
  const likely = likelyPassLabel(new Map(Object.entries(labels)));
  const meant = likely === undefined ? "" : ` ${quoted(likely)} reads like PASS: write PASS for good parts.`;
  const pass = passRows(labels);
  const isMeasured = role === "kpi_csv" || role === "holdout_csv";
  if (isMeasured && (pass === 0 || pass === rows)) {
    throw new Refusal("metric.undefined", `${path} has one class only.${meant}`, { path, rows, pass, labels });
  }
  if (role === "training_csv" && (pass === 0 || pass === rows)) {
    const message = `${path} has one class only; training needs PASS and defects.${meant}`;
    throw new Refusal("input.bad-csv", message, { path, rows, pass });
  }
  const batch = survey.parameters.batch_size?.value;
  if (isMeasured || typeof batch !== "number") return;
  const gpus = Math.max(1, Number(survey.parameters.num_gpus?.value ?? 1));
  if (rows >= batch * gpus) return;
  const message = `${path} has ${rows} rows, fewer than a batch of ${batch} on ${gpus} GPU(s).`;
  throw new Refusal("input.invalid", message, { path, rows, batch_size: batch, num_gpus: gpus });
}
