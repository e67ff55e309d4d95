import { excerpt } from "../errors.ts";
import { type ChangeNetRow, mandatoryColumns, readChangeNet } from "./changenet.ts";
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
 * Compares the scores of an inference CSV row by row with those that were made again of its rows, or of some of them.
 *
 * @throws Refusal what reading the tables throws.
 */
export async function compareScores(
  recordedCsv: string,
  againCsv: string,
  tolerance: Tolerance,
  chosen?: readonly number[],
): Promise<ScoreComparison> {
  const [recorded, again] = [await scoredRows(recordedCsv), await scoredRows(againCsv)];
  const wanted = chosen ?? recorded.rows.keys();
  const examples: ScoreComparison["examples"][number][] = [];
  let [differing, largest, at] = [0, 0, 0];
  for (const row of wanted) {
    const [left, right] = [recorded.scores[row] ?? Number.NaN, again.scores[at] ?? Number.NaN];
    const difference = Math.abs(left - right);
    if (difference > largest) largest = difference;
    if (!isWithin(left, right, tolerance) || !isSameRow(recorded.rows[row], again.rows[at])) {
      differing++;
      const object_name = excerpt(recorded.rows[row]?.object_name ?? "", 80);
      if (examples.length < exampleLimit) {
        examples.push({ line: recorded.lines[row] ?? 0, object_name, recorded: left, again: right });
      }
    }
    at++;
  }
  // Rows that only one of the two has are differences as well.
  return { rows: at, differing: differing + Math.max(0, again.rows.length - at), largest, examples };
}

async function scoredRows(path: string) {
  const [{ rows, lines }, { scores }] = [await readChangeNet(path), await readScores(path)];
  return { rows, lines, scores };
}

function isWithin(left: number, right: number, { absolute, relative }: Tolerance): boolean {
  return Math.abs(left - right) <= absolute + relative * Math.max(Math.abs(left), Math.abs(right));
}

function isSameRow(left: ChangeNetRow | undefined, right: ChangeNetRow | undefined): boolean {
  return mandatoryColumns.every((column) => left?.[column] !== undefined && left[column] === right?.[column]);
}
