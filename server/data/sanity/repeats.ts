import { excerpt } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import { createNumberList, type NumberList, widened } from "../number-list.ts";
import { createTextTable } from "../text-table.ts";
import { exampleLimit, type SetFinding } from "./finding.ts";

/** One row, as far as repeats are concerned. */
export type RowView = {
  /** Equal for rows that inspect the same image; images are numbered from 0. */
  readonly image: number;
  /** Equal for rows that name the same file; a copy has another. */
  readonly file: number;
  readonly pass: boolean;
  readonly line: number;
  readonly label: string;
  readonly object_name: () => string;
};

type Examples = Readonly<Record<string, unknown>>[];

const marks = { pass: 1, contradicted: 2 } as const;

/**
 * Rows that inspect an image again, which counts once more in every figure, and images that are a good part in one row
 * and a defect in another, which no threshold gets right. Give it the rows one after the other; an image takes 20 bytes.
 */
export function repeatSearch() {
  /** The place of each image in the lists below, counted from 1. */
  let places = new Int32Array(1024);
  const [lines, files, labels, verdicts] = Array.from({ length: 4 }, createNumberList) as Lists;
  const texts = createTextTable();
  const repeated = { count: 0, copies: 0, examples: [] as Examples };
  const contradicted = { count: 0, examples: [] as Examples };
  let rows = 0;
  const again = (row: RowView, first: number): void => {
    const copy = files.at(first) !== row.file;
    const place = () => ({
      line: row.line,
      first_line: lines.at(first),
      object_name: excerpt(row.object_name(), 80),
      labels: [...new Set([texts.at(labels.at(first)), row.label].map((text) => excerpt(text, 80)))],
      ...(copy ? { by: "copy" } : {}),
    });
    repeated.count++;
    if (copy) repeated.copies++;
    if (repeated.examples.length < exampleLimit) repeated.examples.push(place());
    const verdict = verdicts.at(first);
    if (((verdict & marks.pass) !== 0) === row.pass) return;
    if ((verdict & marks.contradicted) === 0) contradicted.count++;
    verdicts.set(first, verdict | marks.contradicted);
    if (contradicted.examples.length < exampleLimit) contradicted.examples.push(place());
  };
  return {
    add(row: RowView): void {
      rows++;
      if (row.image >= places.length) places = widened(places, 2 * row.image);
      const first = (places[row.image] as number) - 1;
      if (first >= 0) {
        again(row, first);
        return;
      }
      lines.push(row.line);
      files.push(row.file);
      labels.push(texts.numberOf(row.label));
      verdicts.push(row.pass ? marks.pass : 0);
      places[row.image] = lines.length;
    },
    findings: (): SetFinding[] => [
      ...(repeated.count === 0 ? [] : [repeatFinding(repeated, rows)]),
      ...(contradicted.count === 0 ? [] : [contradiction(contradicted)]),
    ],
  };
}

type Lists = [NumberList, NumberList, NumberList, NumberList];

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
