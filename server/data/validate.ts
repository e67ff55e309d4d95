import { excerpt } from "../errors.ts";
import { isInside } from "../fs/contained.ts";
import { realPathIfPresent } from "../fs/head.ts";
import { suffixesOf } from "../run/images.ts";
import { canonicalLabel, looksNumeric, readsAsMissing } from "../run/pass-labels.ts";
import { openContents } from "./content-cache.ts";
import { createImageIndex, type ImageIndex, questionOf } from "./image-index.ts";
import { keptAnswer } from "./kept-images.ts";
import { leakageBetween, placeCsv } from "./leakage.ts";
import { createNumberSet } from "./number-list.ts";
import { inTurns } from "./pause.ts";
import { type Problem, type ProblemList, problemList } from "./problems.ts";
import { onceEachText, type RowColumns, readRowColumns } from "./row-columns.ts";
import { type Lightings, numberImages, type RowImages, rootOf } from "./row-images.ts";
import type { SetFinding } from "./sanity/finding.ts";
import type { Reader } from "./sanity/formats.ts";
import { judgeSet } from "./sanity/judge-set.ts";
import type { TextTable } from "./text-table.ts";
import { rootsFor } from "./workspace-images.ts";

/** What to check of one CSV; all paths absolute. */
export type CsvCheck = {
  readonly csv: string;
  /** Its columns, where somebody read them already. */
  readonly columns?: RowColumns;
  readonly workspace: string;
  readonly images_root: string | undefined;
  readonly lightings: Lightings;
  /** Held-out rows that the CSV must not share; left out when it is the CSV itself. */
  readonly validation_csv?: string | undefined;
  readonly kpi_csv?: string | undefined;
  /** What will read the images, where that is known. */
  readonly reader?: Reader;
  /** False leaves out whether pairs are pairs, for rows that were looked at before. */
  readonly pairs?: boolean;
  readonly signal?: AbortSignal | undefined;
};

export type Validation = {
  readonly ok: boolean;
  readonly rows: number;
  readonly problems: readonly Problem[];
  /** What makes figures on these rows doubtful without being wrong for sure. */
  readonly warnings: readonly SetFinding[];
};

/**
 * Checks a training, validation, KPI, pool or combined CSV: columns, cells that the training loader would change,
 * label case, both images of every row under every lighting, rows on which a figure means nothing, and leakage into the
 * held-out CSVs by key, file and content.
 *
 * Paths may be relative to the images root, the workspace or the CSV's own directory: the one that fits most rows is
 * taken for the file. Memory grows by some 8 bytes a row, 3 beside each distinct object name and 9 an image, 44 more where
 * it is there, outside the heap; more where rows lie in no order.
 *
 * @throws Refusal `input.unreadable-file`, `input.bad-csv` for files that are no table; `gate.schema` for a held-out
 * CSV without the mandatory columns.
 */
export async function validateCsv(check: CsvCheck): Promise<Validation> {
  const problems = problemList();
  const columns = check.columns ?? (await readRowColumns(check.csv));
  const done = (warnings: readonly SetFinding[] = []) => ({
    ok: problems.all().length === 0,
    rows: columns.rows,
    problems: problems.all(),
    warnings,
  });
  if (columns.missing.length > 0) {
    problems.add("gate.schema", () => ({ missing: columns.missing }));
    return done();
  }
  if (columns.rows === 0) {
    problems.add("gate.no-rows", () => ({ columns: columns.header.length }));
    return done();
  }
  await checkCells(columns, problems, check.signal);
  const roots = rootsFor(check.csv, check.workspace, check.images_root);
  const index = createImageIndex({ endings: suffixesOf(check.lightings), texts: columns.texts });
  const images = await numberImages(columns, rootOf(columns, roots, check.lightings), check.lightings, index);
  const held = await heldSides(check, index);
  // All files are numbered, but for what links lead to.
  index.rest();
  await index.probe(check.signal);
  const others = held.map(({ side }) => [side.images_dir, side.columns.sha256]);
  const { csv, workspace, images_root, lightings, reader, pairs } = check;
  const asked = [csv, columns.sha256, workspace, images_root, lightings.lightings, reader, pairs, others];
  return await keptAnswer("validation", questionOf(index, asked), async () => {
    await checkImages(images, index, [workspace, images_root ?? workspace], problems, check.signal);
    const warnings: SetFinding[] = [];
    for (const finding of await judgeSet(images, index, check)) {
      const { code, weight, count, examples, text } = finding;
      if (weight === "halt" || code === "gate.duplicate-row") problems.addCounted(code, count, examples, text);
      else warnings.push(finding);
    }
    const contents = openContents();
    for (const { code, side } of held) {
      const { count, examples } = await leakageBetween(images, side, index, { contents, signal: check.signal });
      problems.addCounted(code, count, examples);
    }
    return done(warnings);
  });
}

async function heldSides(check: CsvCheck, index: ImageIndex) {
  const sides: { code: "gate.train-val-leakage" | "gate.train-kpi-leakage"; side: RowImages }[] = [];
  for (const [code, csv] of [
    ["gate.train-val-leakage", check.validation_csv],
    ["gate.train-kpi-leakage", check.kpi_csv],
  ] as const) {
    if (csv === undefined || realPathIfPresent(csv) === realPathIfPresent(check.csv)) continue;
    const roots = rootsFor(csv, check.workspace, check.images_root);
    sides.push({ code, side: await placeCsv({ csv, roots }, check.lightings, index) });
  }
  return sides;
}

const textColumns = ["input_path", "golden_path", "label", "object_name"] as const;

async function checkCells(columns: RowColumns, problems: ProblemList, signal: AbortSignal | undefined): Promise<void> {
  const isMissing = flagsOf(columns.texts, readsAsMissing);
  const canonicalOf = onceEachText(columns, canonicalLabel);
  const labelOf = onceEachText(columns, (text) => text);
  const look = (row: number): void => {
    const line = columns.lines.at(row);
    for (const column of textColumns) {
      const text = columns[column].at(row);
      if (isMissing(text)) addMissing(problems, line, column, columns.texts.at(text));
    }
    const text = columns.label.at(row);
    const [label, expected] = [labelOf(text), canonicalOf(text)];
    if (isMissing(text) || label === expected) return;
    problems.add("gate.label-case", () => ({ line, label: excerpt(label, 80), expected: excerpt(expected, 80) }));
  };
  await inTurns(columns.rows, look, signal);
  for (const column of ["input_path", "golden_path", "label"] as const) checkNumeric(columns, column, problems);
}

/** Asks of each text once, and remembers the answers in a byte each. */
function flagsOf(texts: TextTable, ask: (text: string) => boolean): (number: number) => boolean {
  const known = new Uint8Array(texts.size());
  return (number) => {
    if (known[number] === 0) known[number] = ask(texts.at(number)) ? 1 : 2;
    return known[number] === 1;
  };
}

function addMissing(problems: ProblemList, line: number, column: string, value: string | undefined): void {
  problems.add("gate.missing-value", () => ({ line, column, value: excerpt(value ?? "", 80) }));
}

/** A column is read as numbers when every value that is not missing looks like one. */
function checkNumeric(columns: RowColumns, column: "input_path" | "golden_path" | "label", problems: ProblemList) {
  const isOther = flagsOf(columns.texts, (text) => !readsAsMissing(text) && !looksNumeric(text));
  const isNumber = flagsOf(columns.texts, (text) => !readsAsMissing(text) && looksNumeric(text));
  let value: number | undefined;
  for (const text of columns[column]) {
    if (isOther(text)) return;
    if (value === undefined && isNumber(text)) value = text;
  }
  if (value === undefined) return;
  problems.add("gate.numeric-column", () => ({ column, value: excerpt(columns.texts.at(value), 80) }));
}

async function checkImages(
  images: RowImages,
  index: ImageIndex,
  roots: readonly string[],
  problems: ProblemList,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isAllowed = insideAny(roots);
  const seen = createNumberSet(index.size());
  const look = (at: number): void => {
    for (const column of ["input", "golden"] as const) {
      const image = images[column].at(at);
      if (!seen.add(image)) continue;
      const target = index.identityOf(image);
      const state = index.stateOf(image);
      const outside = state !== "missing" && !isAllowed(index.directoryOf(target));
      if (state === "ok" && !outside) continue;
      const line = images.columns.lines.at(Math.floor(at / images.count));
      const place = () => ({ line, column: `${column}_path`, path: excerpt(index.pathOf(target), 300) });
      if (state === "missing") problems.add("gate.missing-image", place);
      else if (outside) problems.add("gate.path-outside-workspace", place);
      else problems.add("gate.bad-image", () => ({ ...place(), state }));
    }
  };
  await inTurns(images.input.length, look, signal);
}

/** Whether a real directory is one of the roots or below it; asked for few distinct directories. */
function insideAny(roots: readonly string[]): (directory: string) => boolean {
  const real = roots.map((root) => realPathIfPresent(root) ?? root);
  const known = new Map<string, boolean>();
  return (directory) => {
    const answer = known.get(directory) ?? real.some((root) => isInside(root, directory));
    known.set(directory, answer);
    return answer;
  };
}
