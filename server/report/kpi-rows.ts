import { refuseTooMany, scanTable } from "../data/csv.ts";
import { errnoOf, Refusal } from "../errors.ts";
import type { InferenceRow } from "../kpi/gaps.ts";
import { parseScore } from "../kpi/score.ts";
import { isPass } from "../run/pass-labels.ts";
import type { Note } from "./lenient.ts";

/** A row of an inference CSV with what the gallery shows of it. */
export type KpiRow = InferenceRow & {
  readonly golden_path: string;
  readonly defective: boolean;
  /** Cells of the columns that name board and part, as far as the file has them. */
  readonly groups: Readonly<Record<string, string>>;
};

const grouping = ["boardname", "comp_name", "part_type", "comp_type_1", "lighting"] as const;
const needed = ["input_path", "golden_path", "label", "object_name", "siamese_score"] as const;

/**
 * Reads an inference CSV for the report: rows without a finite score are left out and counted, never guessed.
 * A file that is missing or no such table gives no rows and a note.
 */
export async function readKpiRows(path: string, name: string, note: Note): Promise<KpiRow[]> {
  const rows: KpiRow[] = [];
  let unscored = 0;
  try {
    await scanTable(path, (header) => {
      const missing = needed.filter((column) => !header.includes(column));
      if (missing.length > 0) throw new Refusal("gate.schema", `it lacks ${missing.join(", ")}`);
      const [input, golden, label, object, scored] = needed.map((column) => header.indexOf(column)) as [
        number,
        number,
        number,
        number,
        number,
      ];
      const grouped = grouping.map((column) => [column, header.indexOf(column)] as const).filter(([, at]) => at >= 0);
      return (cells) => {
        const cell = (at: number) => cells[at] ?? "";
        const score = parseScore(cell(scored));
        if (score === undefined) unscored++;
        else {
          refuseTooMany(path, rows.length + 1);
          rows.push({
            input_path: cell(input),
            golden_path: cell(golden),
            label: cell(label),
            object_name: cell(object),
            score,
            defective: !isPass(cell(label)),
            groups: Object.fromEntries(grouped.map(([column, at]) => [column, cell(at)])),
          });
        }
      };
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    note(`${name}: inference.csv cannot be used (${whyNot(error)}); its score charts are left out.`);
    return [];
  }
  if (unscored > 0)
    note(`${name}: ${unscored} rows of inference.csv have no finite score and are left out of the charts.`);
  return rows;
}

/** A refusal in a few words, without the path. */
export function whyNot(refusal: Refusal): string {
  const errno = errnoOf(refusal.cause);
  if (errno === "ENOENT") return "missing";
  if (errno !== undefined) return errno;
  return refusal.message.includes("/") ? refusal.code : refusal.message;
}

/** The board of a part; empty where the table does not say. */
export function boardOf({ groups }: KpiRow): string {
  return groups.boardname ?? "";
}

/** The component of a part, by the first column that names it; empty where none does. */
export function componentOf({ groups }: KpiRow): string {
  return groups.comp_name || groups.part_type || groups.comp_type_1 || "";
}
