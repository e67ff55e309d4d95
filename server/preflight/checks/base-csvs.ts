import { type ChangeNetTable, readChangeNet } from "../../data/changenet.ts";
import { canonicalLabel, isPass, readsAsMissing } from "../../data/labels.ts";
import { excerpt, Refusal, type RefusalCode } from "../../errors.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import { workspacePaths } from "../../run/paths.ts";
import { labelCounts, labelText } from "../label-counts.ts";
import type { Check } from "../resolution.ts";
import { type CsvFacts, type CsvRole, csvRoles, type Findings, type Step, type Survey } from "../survey.ts";
import { inputPath } from "../workspace.ts";

const titles: Readonly<Record<CsvRole, string>> = {
  training_csv: "Training CSV",
  validation_csv: "Validation CSV",
  kpi_csv: "KPI CSV",
};

/** The three base CSVs: they parse, have the columns, canonical labels, both classes and enough rows for a batch. */
export const baseCsvSteps: readonly Step[] = csvRoles.map((role) => ({
  id: role,
  title: titles[role],
  async look(survey): Promise<Findings> {
    const head = { id: role, title: titles[role] };
    const path = await inputPath(survey.workspace, survey.request[role] ?? usualPath(survey, role), role);
    const table = await readChangeNet(path);
    refuseBadRows(path, table);
    refuseBadShape(survey, role, path, table);
    const labels = labelCounts(table.rows);
    const csv: CsvFacts = { path, sha256: await sha256OfFile(path), table, labels };
    const check: Check = {
      ...head,
      outcome: "ok",
      detail: `${table.rows.length} rows (${labelText(labels)}); ${path}`,
    };
    const warnings = table.bom ? [`${path} begins with a byte order mark, which TAO's loader does not take.`] : [];
    return { found: { csvs: { ...survey.csvs, [role]: csv } }, checks: [check], warnings };
  },
}));

function usualPath(survey: Survey, role: CsvRole): string {
  const paths = workspacePaths(survey.workspace);
  return { training_csv: paths.trainingCsv, validation_csv: paths.validationCsv, kpi_csv: paths.kpiCsv }[role];
}

function refuseBadRows(path: string, table: ChangeNetTable): void {
  if (table.rows.length === 0) throw new Refusal("input.bad-csv", `${path} has a header and no rows.`, { path });
  const empty = linesWhere(table, (row) =>
    [row.input_path, row.golden_path, row.label, row.object_name].some(readsAsMissing),
  );
  refuseLines("input.bad-csv", path, "rows with an empty mandatory cell", empty);
  const cased = linesWhere(table, (row) => row.label !== canonicalLabel(row.label));
  refuseLines("gate.label-case", path, "labels that are neither PASS nor lower case", cased);
}

type Line = { line: number; label: string };

function linesWhere(table: ChangeNetTable, isBad: (row: ChangeNetTable["rows"][number]) => boolean): Line[] {
  return table.rows.flatMap((row, at) =>
    isBad(row) ? [{ line: table.lines[at] ?? at + 2, label: excerpt(row.label, 40) }] : [],
  );
}

function refuseLines(code: RefusalCode, path: string, what: string, lines: readonly Line[]): void {
  if (lines.length === 0) return;
  throw new Refusal(code, `${path}: ${lines.length} ${what}.`, {
    path,
    rows: lines.length,
    examples: lines.slice(0, 5),
  });
}

/** Counts that end a training or leave the KPI undefined. */
function refuseBadShape(survey: Survey, role: CsvRole, path: string, table: ChangeNetTable): void {
  const rows = table.rows.length;
  const pass = table.rows.filter((row) => isPass(row.label)).length;
  if (role === "kpi_csv" && (pass === 0 || pass === rows)) {
    throw new Refusal("metric.undefined", `${path} has one class only.`, { path, rows, pass });
  }
  if (role === "training_csv" && (pass === 0 || pass === rows)) {
    throw new Refusal("input.bad-csv", `${path} has one class only; training needs PASS and defects.`, {
      path,
      rows,
      pass,
    });
  }
  const batch = survey.parameters.batch_size?.value;
  if (role === "kpi_csv" || typeof batch !== "number") return;
  const gpus = Math.max(1, Number(survey.parameters.num_gpus?.value ?? 1));
  if (rows >= batch * gpus) return;
  const message = `${path} has ${rows} rows, fewer than a batch of ${batch} on ${gpus} GPU(s).`;
  throw new Refusal("input.invalid", message, { path, rows, batch_size: batch, num_gpus: gpus });
}
