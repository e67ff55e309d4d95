import { type ChangeNetTable, mandatoryColumns, readChangeNet } from "../../data/changenet.ts";
import { excerpt, Refusal } from "../../errors.ts";
import { asEvidence, missing } from "./evidence.ts";

/**
 * Proves that an inference covers the KPI CSV row for row. Compared by position, because equal keys may occur twice.
 *
 * @throws Refusal `gate.silent-drop` when rows are missing or too many, `stage.evidence-missing` when others came.
 */
export async function requireSameRows(kpi: ChangeNetTable, path: string): Promise<void> {
  const inference = await asEvidence(path, () => readChangeNet(path));
  if (kpi.rows.length !== inference.rows.length) {
    const facts = { path, expected: kpi.rows.length, actual: inference.rows.length };
    throw new Refusal("gate.silent-drop", "The inference does not have as many rows as the KPI set.", facts);
  }
  for (const [at, row] of kpi.rows.entries()) {
    const other = inference.rows[at];
    const column = mandatoryColumns.find((name) => row[name] !== other?.[name]);
    if (column === undefined) continue;
    throw missing(path, "has other rows than the KPI set", {
      line: inference.lines[at],
      column,
      expected: excerpt(row[column], 80),
      actual: excerpt(other?.[column] ?? "", 80),
    });
  }
}
