import { excerpt } from "../../errors.ts";
import { counted } from "../../run/counted.ts";
import { exampleLimit, type SetFinding } from "./finding.ts";

/** One row, as far as repeats are concerned. */
export type RowView = {
  /** Equal for rows that inspect the same image. */
  readonly image: number | string;
  /** Equal for rows that name the same file; a copy has another. */
  readonly file: number | string;
  readonly pass: boolean;
  readonly line: number;
  readonly label: string;
  readonly object_name: string;
};

type First = Omit<RowView, "image" | "object_name"> & { contradicted: boolean };
type Examples = Readonly<Record<string, unknown>>[];

/**
 * Rows that inspect an image again, which counts once more in every figure, and images that are a good part in one row
 * and a defect in another, which no threshold gets right. Give it the rows one after the other.
 */
export function repeatSearch() {
  const firsts = new Map<number | string, First>();
  const repeated = { count: 0, copies: 0, examples: [] as Examples };
  const contradicted = { count: 0, examples: [] as Examples };
  let rows = 0;
  return {
    add(row: RowView): void {
      rows++;
      const first = firsts.get(row.image);
      if (first === undefined) {
        const { file, pass, line, label } = row;
        firsts.set(row.image, { file, pass, line, label, contradicted: false });
        return;
      }
      const copy = first.file !== row.file;
      const place = () => ({
        line: row.line,
        first_line: first.line,
        object_name: excerpt(row.object_name, 80),
        labels: [...new Set([first.label, row.label].map((label) => excerpt(label, 80)))],
        ...(copy ? { by: "copy" } : {}),
      });
      repeated.count++;
      if (copy) repeated.copies++;
      if (repeated.examples.length < exampleLimit) repeated.examples.push(place());
      if (first.pass === row.pass) return;
      if (!first.contradicted) contradicted.count++;
      first.contradicted = true;
      if (contradicted.examples.length < exampleLimit) contradicted.examples.push(place());
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
