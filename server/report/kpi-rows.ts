import { scanTable } from "../data/csv.ts";
import { createNumberList, createScoreList, type NumberColumn } from "../data/number-list.ts";
import { pausing } from "../data/pause.ts";
import { textAt, textColumn } from "../data/row-columns.ts";
import { createTextTable, type TextTable } from "../data/text-table.ts";
import { errnoOf, Refusal } from "../errors.ts";
import { defectiveRows, type InferenceRow, type InferenceTable } from "../kpi/gaps.ts";
import { parseScore } from "../kpi/score.ts";
import type { Note } from "./lenient.ts";

/** A row of an inference CSV with what the gallery shows of it. */
export type KpiRow = InferenceRow & {
  readonly golden_path: string;
  readonly defective: boolean;
  /** Cells of the columns that name board and part, as far as the file has them. */
  readonly groups: Readonly<Record<string, string>>;
};

/** The rows of an inference CSV by column: some 30 bytes a row, and its distinct texts, which scorings of one set share. */
export type KpiTable = InferenceTable<KpiRow> & {
  readonly defective: Uint8Array;
  /** Of each row the numbers of the texts that name its part: both paths and the object. */
  readonly part: readonly NumberColumn[];
  /** By column the numbers of what names board and part, as far as the file has them. */
  readonly groups: ReadonlyMap<string, NumberColumn>;
  readonly texts: TextTable;
};

const grouping = ["boardname", "comp_name", "part_type", "comp_type_1", "lighting"] as const;
const needed = ["input_path", "golden_path", "label", "object_name", "siamese_score"] as const;

/** Reads inference CSVs that are compared with one another. */
export type KpiReader = (path: string, name: string, note: Note) => Promise<KpiTable>;

/**
 * Reads inference CSVs for the report: rows without a finite score are left out and counted, never guessed.
 * A file that is missing or no such table gives no rows and a note. Its tables share `texts`, and `part` where they have
 * the same parts row by row.
 */
export function kpiReader(): KpiReader {
  const texts = createTextTable();
  const orders: KpiTable["part"][] = [];
  return async (path, name, note) => {
    const columns = await readColumns(path, name, note, texts);
    for (const order of orders) if (await isSame(order, columns.part)) return columns.table(order);
    orders.push(columns.part);
    return columns.table(columns.part);
  };
}

async function isSame(one: KpiTable["part"], other: KpiTable["part"]): Promise<boolean> {
  const pause = pausing();
  for (const [at, numbers] of one.entries()) {
    const others = other[at];
    if (numbers.length !== others?.length) return false;
    for (let row = 0; row < numbers.length; row++) {
      if (numbers.at(row) !== others.at(row)) return false;
      if (pause.isDue()) await pause.rest();
    }
  }
  return true;
}

async function readColumns(path: string, name: string, note: Note, texts: TextTable) {
  let columns = columnsFor(texts, []);
  let unscored = 0;
  try {
    await scanTable(path, (header) => {
      const missing = needed.filter((column) => !header.includes(column));
      if (missing.length > 0) throw new Refusal("gate.schema", `it lacks ${missing.join(", ")}`);
      columns = columnsFor(texts, header);
      const scoreAt = header.indexOf("siamese_score");
      return (cells) => {
        const score = parseScore(cells[scoreAt] ?? "");
        if (score === undefined) unscored++;
        else columns.add(cells, score);
      };
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    note(`${name}: inference.csv cannot be used (${whyNot(error)}); its score charts are left out.`);
    return columnsFor(texts, []);
  }
  if (unscored > 0)
    note(`${name}: ${unscored} rows of inference.csv have no finite score and are left out of the charts.`);
  return columns;
}

function columnsFor(texts: TextTable, header: readonly string[]) {
  const column = (name: string) => textColumn(texts, header.indexOf(name));
  const [input, golden, object] = [column("input_path"), column("golden_path"), column("object_name")];
  const grouped = grouping.filter((name) => header.includes(name)).map((name) => [name, column(name)] as const);
  const scores = createScoreList();
  const label = createNumberList();
  const labels = new Map<string, number>();
  const labelAt = header.indexOf("label");
  return {
    add(cells: readonly string[], score: number): void {
      for (const one of [input, golden, object]) one.add(cells);
      for (const [, one] of grouped) one.add(cells);
      scores.push(score);
      const text = cells[labelAt] ?? "";
      const number = labels.get(text) ?? labels.size;
      labels.set(text, number);
      label.push(number);
    },
    part: [input, golden, object].map((one) => one.numbers),
    table(part: KpiTable["part"]): KpiTable {
      const names = [...labels.keys()];
      const labelled = { rows: label.length, label: label.all(), labels: names };
      const defective = defectiveRows(labelled);
      const groups = new Map(grouped.map(([name, one]) => [name as string, one.numbers]));
      const cell = (numbers: NumberColumn | undefined, row: number) => textAt({ texts }, numbers, row);
      return {
        ...labelled,
        ...{ scores: scores.all(), defective, part, groups, texts },
        at: (row) => ({
          input_path: cell(part[0], row),
          golden_path: cell(part[1], row),
          object_name: cell(part[2], row),
          label: names[label.at(row)] ?? "",
          score: scores.at(row),
          defective: defective[row] === 1,
          groups: Object.fromEntries([...groups].map(([name, numbers]) => [name, cell(numbers, row)])),
        }),
      };
    },
  };
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
