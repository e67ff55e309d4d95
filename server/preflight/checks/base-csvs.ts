import { type ChangeNetTable, readChangeNet } from "../../data/changenet.ts";
import type { Problem } from "../../data/problems.ts";
import { likelyPassLabel } from "../../data/sanity/labels.ts";
import { type Validation, validateCsv } from "../../data/validate.ts";
import { quoted, Refusal } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { defined } from "../../run/defined.ts";
import { isPass } from "../../run/pass-labels.ts";
import { workspacePaths } from "../../run/paths.ts";
import { halt, ok } from "../findings.ts";
import { labelCounts, labelText } from "../label-counts.ts";
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
};

/**
 * The three base CSVs: columns, cells, label case, both images of every row under every lighting, both classes and
 * enough rows for a batch. TAO would find out in the middle of an epoch.
 */
export const baseCsvSteps: readonly Step[] = csvRoles.map((role) => ({
  id: role,
  title: titles[role],
  async look(survey): Promise<Findings> {
    const path = await inputPath(survey.workspace, survey.request[role] ?? usualPath(survey, role), role);
    const table = await readChangeNet(path);
    if (table.rows.length === 0) throw new Refusal("gate.no-rows", `${path} has a header and no rows.`, { path });
    const labels = labelCounts(table.rows);
    refuseBadShape(survey, role, path, table, labels);
    const csv: CsvFacts = { path, sha256: await sha256OfFile(path), table, labels };
    const found = { csvs: { ...survey.csvs, [role]: csv } };
    const judged = await judge(survey, path);
    const warnings = warningsOn(path, table, judged);
    const halts = judged.problems.filter((problem) => problem.code !== "gate.duplicate-row");
    if (halts.length > 0) return { found, checks: halts.map((problem) => fault(path, problem)), warnings };
    const detail = `${table.rows.length} rows (${labelText(labels)}); ${path}`;
    return ok(detail, { found, warnings });
  },
}));

function usualPath(survey: Survey, role: CsvRole): string {
  const paths = workspacePaths(survey.workspace);
  return { training_csv: paths.trainingCsv, validation_csv: paths.validationCsv, kpi_csv: paths.kpiCsv }[role];
}

/** What is wrong with the rows; without a spec or an images root no path means anything yet. */
async function judge(survey: Survey, csv: string): Promise<Pick<Validation, "problems" | "warnings">> {
  const { spec, images_dir, workspace, signal } = survey;
  if (spec === undefined || images_dir === undefined) return { problems: [], warnings: [] };
  const reader = survey.program === "engine" ? "embedded" : survey.program;
  const where = { csv, workspace, images_root: images_dir, lightings: spec.content };
  return await validateCsv({ ...where, ...defined({ reader, signal }) });
}

const problemNames: Readonly<Record<string, string>> = {
  "gate.missing-value": "cells that the loader reads as missing",
  "gate.numeric-column": "columns that the loader would read as numbers",
  "gate.label-case": "labels that are neither PASS nor lower case",
  "gate.missing-image": "images missing",
  "gate.bad-image": "images that cannot be read",
  "gate.path-outside-workspace": "images outside the workspace",
};

function fault(path: string, { code, count, examples, text }: Problem): StepCheck {
  const what = text ?? `${count} ${problemNames[code] ?? "faults"}`;
  return { ...halt(code, `${path}: ${what}${placeText(examples)}`), facts: { count, examples } };
}

function warningsOn(path: string, table: ChangeNetTable, judged: Awaited<ReturnType<typeof judge>>): string[] {
  const doubled = judged.problems.filter((problem) => problem.code === "gate.duplicate-row");
  const doubts = [...doubled, ...judged.warnings].map(
    ({ text, examples }) => `${path}: ${text}${placeText(examples)}.`,
  );
  return [
    ...(table.bom ? [`${path} begins with a byte order mark, which TAO's loader does not take.`] : []),
    ...doubts,
  ];
}

/** Up to three lines of the CSV, where the examples have any. */
function placeText(examples: Problem["examples"]): string {
  const lines = examples.flatMap(({ line }) => (typeof line === "number" ? [line] : [])).slice(0, 3);
  return lines.length === 0 ? "" : ` (e.g. line ${lines.join(", ")})`;
}

/** Counts that end a training or leave the KPI undefined. */
function refuseBadShape(
  survey: Survey,
  role: CsvRole,
  path: string,
  table: ChangeNetTable,
  labels: Readonly<Record<string, number>>,
): void {
  const rows = table.rows.length;
  const likely = likelyPassLabel(new Map(Object.entries(labels)));
  const meant = likely === undefined ? "" : ` ${quoted(likely)} reads like PASS: write PASS for good parts.`;
  const pass = table.rows.filter((row) => isPass(row.label)).length;
  if (role === "kpi_csv" && (pass === 0 || pass === rows)) {
    throw new Refusal("metric.undefined", `${path} has one class only.${meant}`, { path, rows, pass, labels });
  }
  if (role === "training_csv" && (pass === 0 || pass === rows)) {
    const message = `${path} has one class only; training needs PASS and defects.${meant}`;
    throw new Refusal("input.bad-csv", message, { path, rows, pass });
  }
  const batch = survey.parameters.batch_size?.value;
  if (role === "kpi_csv" || typeof batch !== "number") return;
  const gpus = Math.max(1, Number(survey.parameters.num_gpus?.value ?? 1));
  if (rows >= batch * gpus) return;
  const message = `${path} has ${rows} rows, fewer than a batch of ${batch} on ${gpus} GPU(s).`;
  throw new Refusal("input.invalid", message, { path, rows, batch_size: batch, num_gpus: gpus });
}
