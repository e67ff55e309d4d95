import { mandatoryColumns } from "./changenet.ts";
import { scanTable } from "./csv.ts";

/** The cells of a ChangeNet CSV that checks need, compact enough for millions of rows. */
export type RowColumns = {
  readonly path: string;
  readonly header: readonly string[];
  /** Mandatory columns that the header lacks; then no row was kept. */
  readonly missing: readonly string[];
  readonly rows: number;
  readonly lines: readonly number[];
  /** Numbers into `texts`. */
  readonly input_path: readonly number[];
  readonly golden_path: readonly number[];
  readonly label: readonly number[];
  readonly boardname: readonly number[] | undefined;
  readonly comp_name: readonly number[] | undefined;
  readonly object_name: readonly string[];
  /** Every distinct directory, label, board and place once. */
  readonly texts: readonly string[];
};

/** Reads the columns that checks need. @throws what `scanTable` throws. */
export async function readRowColumns(path: string): Promise<RowColumns> {
  const numbers = new Map<string, number>();
  const texts: string[] = [];
  const lines: number[] = [];
  const input_path: number[] = [];
  const golden_path: number[] = [];
  const label: number[] = [];
  const [boardname, comp_name]: [number[], number[]] = [[], []];
  const object_name: string[] = [];
  let missing: readonly string[] = [];
  let [hasBoard, hasPlace] = [false, false];
  const numberOf = (text: string | undefined): number => {
    const known = numbers.get(text ?? "");
    if (known !== undefined) return known;
    numbers.set(text ?? "", texts.length);
    return texts.push(text ?? "") - 1;
  };
  const { header, rows } = await scanTable(path, (names) => {
    missing = mandatoryColumns.filter((column) => !names.includes(column));
    if (missing.length > 0) return () => undefined;
    const [inputAt = 0, goldenAt = 0, labelAt = 0, objectAt = 0] = mandatoryColumns.map((name) => names.indexOf(name));
    const boardAt = names.indexOf("boardname");
    const placeAt = names.indexOf("comp_name");
    [hasBoard, hasPlace] = [boardAt >= 0, placeAt >= 0];
    return (cells, line) => {
      lines.push(line);
      input_path.push(numberOf(cells[inputAt]));
      golden_path.push(numberOf(cells[goldenAt]));
      label.push(numberOf(cells[labelAt]));
      object_name.push(cells[objectAt] ?? "");
      if (hasBoard) boardname.push(numberOf(cells[boardAt]));
      if (hasPlace) comp_name.push(numberOf(cells[placeAt]));
    };
  });
  const named = {
    boardname: hasBoard ? boardname : undefined,
    comp_name: hasPlace ? comp_name : undefined,
  };
  return { path, header, missing, rows, lines, input_path, golden_path, label, ...named, object_name, texts };
}

/** A text of `texts` by the number that a column holds. */
export function textAt(columns: RowColumns, column: readonly number[] | undefined, row: number): string {
  return columns.texts[column?.[row] ?? -1] ?? "";
}
