import { excerpt, Refusal } from "../errors.ts";
import type { InferenceTable } from "../kpi/gaps.ts";
import { parseScore } from "../kpi/score.ts";
import { readsAsMissing } from "../run/pass-labels.ts";
import { badCsv, scanTable } from "./csv.ts";
import { createPackedList, createScoreList, type NumberColumn } from "./number-list.ts";
import { createTextTable } from "./text-table.ts";

/** Which columns of an inference CSV hold what; the defaults are TAO's. */
export type ScoreColumns = {
  readonly label_column?: string | undefined;
  readonly score_column?: string | undefined;
  /** The label of a good part, compared without case and blanks around it. */
  readonly pass_label?: string | undefined;
};

/** Scores and ground truth of an inference CSV, row by row. */
export type ScoreTable = {
  readonly header: readonly string[];
  readonly scores: Float64Array;
  readonly defective: ArrayLike<number>;
  /** Rows whose label is empty; they count as defective. */
  readonly blankLabels: number;
};

/** Labels and scores that were refused at most this often stand in the facts. */
const exampleLimit = 5;

/**
 * Reads the scores of an inference CSV; what is kept does not grow with the other columns.
 *
 * @throws Refusal `metric.score-not-finite` naming the rows, `input.bad-csv` for absent columns or no rows.
 */
export async function readScores(path: string, columns: ScoreColumns = {}): Promise<ScoreTable> {
  const passLabel = (columns.pass_label ?? "PASS").trim().toUpperCase();
  const scores = createScoreList();
  const defective = createPackedList();
  const faults = scoreFaults(path);
  let blankLabels = 0;
  const { header } = await scanTable(path, (names) => {
    const labelAt = columnAt(path, names, columns.label_column ?? "label");
    const scoreAt = columnAt(path, names, columns.score_column ?? "siamese_score");
    return (cells, line) => {
      const label = cells[labelAt] ?? "";
      const score = parseScore(cells[scoreAt] ?? "");
      if (score === undefined) faults.add(line, cells[scoreAt] ?? "");
      if (label.trim() === "") blankLabels++;
      scores.push(score ?? 0);
      defective.push(label === passLabel || label.trim().toUpperCase() === passLabel ? 0 : 1);
    };
  });
  faults.refuse();
  if (defective.length === 0) throw badCsv(path, "line 1: there is no row below the header");
  return { header, scores: scores.all(), defective: flat(defective, 2), blankLabels };
}

/**
 * Reads what gap analysis needs of an inference CSV, by column: some 12 bytes a row, and its distinct paths and names.
 *
 * @throws Refusal like `readScores`; `input.bad-csv` also for labels that the published reader takes for missing,
 * because it counts such rows in the sweep and then loses them from the ranking.
 */
export async function readInferenceTable(path: string): Promise<InferenceTable> {
  const [texts, labels] = [createTextTable(), createTextTable()];
  const [inputs, objects, label] = [createPackedList(), createPackedList(), createPackedList()];
  const scores = createScoreList();
  const faults = scoreFaults(path);
  await scanTable(path, (names) => {
    const [inputAt, objectAt, labelAt, scoreAt] = ["input_path", "object_name", "label", "siamese_score"].map((name) =>
      columnAt(path, names, name),
    );
    return (cells, line) => {
      const cell = (at: number | undefined) => cells[at ?? -1] ?? "";
      const score = parseScore(cell(scoreAt));
      if (score === undefined) faults.add(line, cell(scoreAt));
      if (readsAsMissing(cell(labelAt).trim())) {
        throw badCsv(path, `line ${line}: the label reads as missing`, { line, label: excerpt(cell(labelAt)) });
      }
      inputs.push(texts.numberOf(cell(inputAt)));
      objects.push(texts.numberOf(cell(objectAt)));
      label.push(labels.numberOf(cell(labelAt)));
      scores.push(score ?? 0);
    };
  });
  texts.rest();
  faults.refuse();
  if (label.length === 0) throw badCsv(path, "line 1: there is no row below the header");
  return {
    rows: label.length,
    scores: scores.all(),
    label: flat(label, labels.size()),
    labels: Array.from({ length: labels.size() }, (_, at) => labels.at(at)),
    at: (row) => ({
      input_path: texts.at(inputs.at(row)),
      object_name: texts.at(objects.at(row)),
      label: labels.at(label.at(row)),
      score: scores.at(row),
    }),
  };
}

/** Numbers below `end` side by side, for who reads them often; a byte each where that is enough. */
function flat(numbers: NumberColumn, end: number): Uint8Array | Int32Array {
  const all = new (end <= 256 ? Uint8Array : Int32Array)(numbers.length);
  for (let at = 0; at < all.length; at++) all[at] = numbers.at(at);
  return all;
}

function columnAt(path: string, header: readonly string[], name: string): number {
  const at = header.indexOf(name);
  if (at >= 0) return at;
  const columns = header.slice(0, 40).map((column) => excerpt(column, 40));
  throw badCsv(path, `line 1: there is no column ${excerpt(name, 40)}`, { line: 1, missing: excerpt(name), columns });
}

function scoreFaults(path: string) {
  const rows: { line: number; score: string }[] = [];
  let count = 0;
  return {
    add(line: number, score: string): void {
      count++;
      if (rows.length < exampleLimit) rows.push({ line, score: excerpt(score, 40) });
    },
    refuse(): void {
      if (count === 0) return;
      const message = `${path} has ${count} score${count === 1 ? "" : "s"} that are no finite decimal numbers.`;
      throw new Refusal("metric.score-not-finite", message, { path, count, rows });
    },
  };
}
