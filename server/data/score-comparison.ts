import { excerpt } from "../errors.ts";
import { type ChangeNetRow, changeNetLines, mandatoryColumns } from "./changenet.ts";
import { readScores } from "./inference.ts";

/** How far two scores of one row may lie apart: by a number, or by a share of the larger of the two. */
export type Tolerance = { readonly absolute: number; readonly relative: number };

export type ScoreComparison = {
  readonly rows: number;
  /** Rows whose scores lie further apart than tolerated, or that are not the same row. */
  readonly differing: number;
  /** Largest difference of two scores of one row, tolerated or not. */
  readonly largest: number;
  readonly examples: readonly {
    readonly line: number;
    readonly object_name: string;
    readonly recorded: number;
    readonly again: number;
  }[];
};

const exampleLimit = 5;

/**
 * Compares the scores of an inference CSV row by row with those that were made again of its rows, or of some of them, in
 * the order of the file. Of both files one piece is in memory, and the scores.
 *
 * @throws Refusal what reading the tables throws.
 */
export async function compareScores(
  recordedCsv: string,
  againCsv: string,
  tolerance: Tolerance,
  chosen?: readonly number[],
): Promise<ScoreComparison> {
  const [recorded, made] = [(await readScores(recordedCsv)).scores, (await readScores(againCsv)).scores];
  const again = changeNetLines(againCsv);
  const examples: ScoreComparison["examples"][number][] = [];
  let [differing, largest, at, row] = [0, 0, 0, 0];
  try {
    for await (const { row: own, line } of changeNetLines(recordedCsv)) {
      const number = row++;
      if (chosen !== undefined && chosen[at] !== number) continue;
      const left = recorded[number] ?? Number.NaN;
      const { value: other } = await again.next();
      const right = made[at++] ?? Number.NaN;
      const difference = Math.abs(left - right);
      if (difference > largest) largest = difference;
      if (isWithin(left, right, tolerance) && isSameRow(own, other?.row)) continue;
      differing++;
      const object_name = excerpt(own.object_name, 80);
      if (examples.length < exampleLimit) examples.push({ line, object_name, recorded: left, again: right });
    }
  } finally {
    await again.return();
  }
  const rows = chosen?.length ?? at;
  // Rows that only one of the two has are differences as well.
  return { rows, differing: differing + rows - at + Math.max(0, made.length - rows), largest, examples };
}

function isWithin(left: number, right: number, { absolute, relative }: Tolerance): boolean {
  return Math.abs(left - right) <= absolute + relative * Math.max(Math.abs(left), Math.abs(right));
}

function isSameRow(left: ChangeNetRow, right: ChangeNetRow | undefined): boolean {
  return mandatoryColumns.every((column) => left[column] === right?.[column]);
}
