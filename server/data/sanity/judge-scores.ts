import { normalPath } from "../../run/images.ts";
import { scanTable } from "../csv.ts";
import type { ScoreColumns } from "../inference.ts";
import { createPackedList } from "../number-list.ts";
import { createNameTable } from "../path-table.ts";
import { createTextTable } from "../text-table.ts";
import type { SetFinding } from "./finding.ts";
import { labelFindings } from "./labels.ts";
import { repeatSearch } from "./repeats.ts";

export type ScoresVerdict = {
  readonly findings: readonly SetFinding[];
  /** Rows by label as written. */
  readonly labels: ReadonlyMap<string, number>;
};

/**
 * Judges an inference CSV by its cells alone: the images may be elsewhere. Rows are told apart where the CSV names them
 * by `input_path` and `object_name`.
 *
 * @throws what `scanTable` throws.
 */
export async function judgeScores(path: string, columns: ScoreColumns = {}): Promise<ScoresVerdict> {
  const passLabel = (columns.pass_label ?? "PASS").trim().toUpperCase();
  const labels = new Map<string, number>();
  const [directories, objects, texts] = [createTextTable(), createNameTable(), createTextTable()];
  const rows = { image: createPackedList(), line: createPackedList(), label: createPackedList() };
  const repeats = repeatSearch((row) => {
    const label = texts.at(rows.label.at(row));
    return { file: rows.image.at(row), line: rows.line.at(row), label, pass: label.trim().toUpperCase() === passLabel };
  });
  await scanTable(path, (header) => {
    const labelAt = header.indexOf(columns.label_column ?? "label");
    const [inputAt, objectAt] = [header.indexOf("input_path"), header.indexOf("object_name")];
    return (cells, line) => {
      const label = cells[labelAt] ?? "";
      labels.set(label, (labels.get(label) ?? 0) + 1);
      if (inputAt < 0 || objectAt < 0) return;
      const object_name = cells[objectAt] ?? "";
      const directory = directories.numberOf(normalPath((cells[inputAt] ?? "").trim()));
      const image = objects.numberOf(directory, object_name.trim());
      rows.image.push(image);
      rows.line.push(line);
      rows.label.push(texts.numberOf(label));
      repeats.add(image, () => object_name);
    };
  });
  return { findings: [...repeats.findings(), ...labelFindings(labels, passLabel)], labels };
}
