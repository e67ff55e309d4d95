import { excerpt } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import { createNumberSet, widened } from "../number-list.ts";
import { inTurns } from "../pause.ts";
import { exampleLimit, type SetFinding } from "./finding.ts";

/** One row, as far as repeats are concerned. */
export type RowView = {
  /** Equal for rows that name the same file; a copy has another. */
  readonly file: number;
  readonly pass: boolean;
  readonly line: number;
  readonly label: string;
};

/** Those of the first `count` numbers that come more than once; all are below `size`. @throws the reason of the signal. */
export async function repeatedNumbers(
  count: number,
  numberAt: (at: number) => number,
  size: number,
  signal?: AbortSignal,
): Promise<Pick<ReturnType<typeof createNumberSet>, "has">> {
  const [once, again] = [createNumberSet(size), createNumberSet(size)];
  const note = (at: number): void => {
    const number = numberAt(at);
    if (!once.add(number)) again.add(number);
  };
  await inTurns(count, note, signal);
  return again;
}

type Examples = Readonly<Record<string, unknown>>[];

/**
 * Rows that inspect an image again, which counts once more in every figure, and images that are a good part in one row
 * and a defect in another, which no threshold gets right. An image that is added takes four bytes.
 *
 * @param viewOf a row by its place among those that were added or passed over
 * @param images how many there are, where that is known: what need not grow is never held twice
 */
export function repeatSearch(viewOf: (row: number) => RowView, images = 1024) {
  /** The first row of each image, counted from 1. */
  let firstRows = new Int32Array(images);
  const both = createNumberSet();
  const repeated = { count: 0, copies: 0, examples: [] as Examples };
  const contradicted = { count: 0, examples: [] as Examples };
  let rows = 0;
  const again = (image: number, objectName: () => string): void => {
    const [first, row] = [viewOf((firstRows[image] as number) - 1), viewOf(rows - 1)];
    const copy = first.file !== row.file;
    const place = () => ({
      line: row.line,
      first_line: first.line,
      object_name: excerpt(objectName(), 80),
      labels: [...new Set([first.label, row.label].map((text) => excerpt(text, 80)))],
      ...(copy ? { by: "copy" } : {}),
    });
    repeated.count++;
    if (copy) repeated.copies++;
    if (repeated.examples.length < exampleLimit) repeated.examples.push(place());
    if (first.pass === row.pass) return;
    if (both.add(image)) contradicted.count++;
    if (contradicted.examples.length < exampleLimit) contradicted.examples.push(place());
  };
  return {
    /** Takes the next row, by its image: equal for rows that inspect the same one; images are numbered from 0. */
    add(image: number, objectName: () => string): void {
      rows++;
      if (image >= firstRows.length) firstRows = widened(firstRows, 2 * image + 1);
      if (firstRows[image] === 0) firstRows[image] = rows;
      else again(image, objectName);
    },
    /** Passes over the next row, whose image no other one shows. */
    pass(): void {
      rows++;
    },
    findings: (): SetFinding[] => [
      ...(repeated.count === 0 ? [] : [repeatFinding(repeated, rows)]),
      ...(contradicted.count === 0 ? [] : [contradiction(contradicted)]),
    ],
  };
}

function repeatFinding(
  { count, copies, examples }: { count: number; copies: number; examples: Examples },
  rows: number,
) {
  const named = copies === 0 ? "" : ` (${copies} of them a copy under another name)`;
  const verb = count === 1 ? "shows" : "show";
  const text = `${count} of ${counted(rows, "row")} ${verb} an image that an earlier row shows${named}; each counts once more`;
  return { code: "gate.duplicate-row", weight: "warning", count, text, examples } satisfies SetFinding;
}

function contradiction({ count, examples }: { count: number; examples: Examples }) {
  const text = `${counted(count, "image is", "images are")} PASS in one row and a defect in another`;
  return { code: "gate.contradiction", weight: "halt", count, text, examples } satisfies SetFinding;
}
