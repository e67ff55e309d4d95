import { createNumberList } from "../../server/data/number-list.ts";
import { type ParquetColumn, scanParquet, textCell } from "../../server/data/parquet.ts";
import { createPathTable } from "../../server/data/path-table.ts";
import { EngineFailure } from "../failure.ts";

/** The rows of a table with a column `filepath`: four bytes a cell beside its distinct texts. */
export type ImageList = {
  readonly columns: readonly string[];
  readonly size: number;
  /** Empty for a column that is absent. */
  text(column: string, row: number): string;
  /** Some rows as columns to write, those of numbers alone as numbers. */
  columnsOf(names: readonly string[], rows: ArrayLike<number>): ParquetColumn[];
};

/** @throws EngineFailure without a column `filepath`; what reading the file throws. */
export async function readImageList(path: string): Promise<ImageList> {
  const texts = createPathTable();
  const cells = new Map<string, ReturnType<typeof createNumberList>>();
  const words = new Set<string>();
  let size = 0;
  const columns = await scanParquet(path, (row) => {
    for (const name of Object.keys(row)) {
      const cell = cells.get(name) ?? createNumberList();
      cells.set(name, cell);
      if (typeof row[name] !== "number" && typeof row[name] !== "bigint") words.add(name);
      cell.push(texts.numberOf(textCell(row, name)));
    }
    size++;
  });
  if (!columns.includes("filepath")) throw new EngineFailure("KeyError", "'filepath'");
  const text = (column: string, row: number): string => texts.at(cells.get(column)?.at(row) ?? -1);
  return {
    columns,
    size,
    text,
    columnsOf: (names, rows) =>
      names.map((name) => {
        const at = (row: number): string => text(name, rows[row] as number);
        const { length } = rows;
        if (size === 0 || words.has(name)) return { name, type: "string", values: { length, at } };
        return { name, type: "double", values: { length, at: (row) => Number(at(row)) } };
      }),
  };
}
