import { relative } from "node:path";
import type { ChangeNetRow } from "../../data/changenet.ts";
import { pausing } from "../../data/pause.ts";
import { type Problem, type ProblemList, problemList } from "../../data/problems.ts";
import { type RowColumns, rowsByLabel, textAt } from "../../data/row-columns.ts";
import { validateCsv } from "../../data/validate.ts";
import { Refusal } from "../../errors.ts";
import { isInside } from "../../fs/contained.ts";
import { type ImageLayout, imagesOf, inWorkspaceSpace, normalPath } from "../../run/images.ts";
import { canonicalLabel, isPass } from "../../run/pass-labels.ts";
import type { RunConfig } from "../../run/state.ts";
import { heldListings } from "./listings.ts";

/**
 * Makes a seed row one in workspace coordinates: the images-root prefix is put before both paths, once, and its label
 * becomes canonical.
 *
 * @throws Refusal `gate.path-outside-workspace` when the images root lies outside: no prefix could express it.
 */
export function seedRow(workspace: string, imagesDir: string): (row: ChangeNetRow) => ChangeNetRow {
  if (!isInside(workspace, imagesDir)) {
    const facts = { workspace, images_dir: imagesDir };
    throw new Refusal("gate.path-outside-workspace", "The images root lies outside the workspace.", facts);
  }
  const prefix = relative(workspace, imagesDir);
  return (row) => ({
    ...row,
    input_path: inWorkspaceSpace(prefix, row.input_path),
    golden_path: inWorkspaceSpace(prefix, row.golden_path),
    label: canonicalLabel(row.label),
  });
}

/** What makes two training rows the same part: its images and its label. */
export function rowKey(row: ChangeNetRow): string {
  return JSON.stringify([normalPath(row.input_path), normalPath(row.golden_path), row.label, row.object_name]);
}

/**
 * What is wrong with a combined training CSV as TAO will read it: both classes, at least one full batch, every lighting
 * of both images where the workspace coordinates say, cells that the loader would change, label case, rows that show
 * the same image. Leakage is looked for elsewhere.
 */
export async function trainingProblems(
  columns: RowColumns,
  layout: ImageLayout,
  config: RunConfig,
): Promise<Problem[]> {
  const problems = problemList();
  const { rows } = columns;
  const pass_rows = [...rowsByLabel(columns)].reduce((sum, [label, of]) => sum + (isPass(label) ? of : 0), 0);
  const needed = config.batch_size * Math.max(1, config.num_gpus);
  if (pass_rows === 0 || pass_rows === rows) {
    problems.add("gate.schema", () => ({ what: "one class only", pass_rows, defect_rows: rows - pass_rows }));
  }
  if (rows < needed) {
    problems.add("gate.schema", () => ({ what: "smaller than one batch", rows, needed }));
  }
  const found = await validateCsv({
    csv: columns.path,
    columns,
    workspace: config.workspace,
    images_root: config.images_dir,
    lightings: layout,
    pairs: false,
  });
  for (const { code, count, examples } of found.problems) problems.addCounted(code, count, examples);
  const seen = found.problems.some(({ code }) => code === "gate.missing-image");
  if (!seen) await addAbsentImages(problems, columns, layout);
  return problems.all();
}

/**
 * The validator takes the root that fits most rows; a training set must fit the workspace alone, in the directory form.
 * Of rows that repeat each other one is looked at, where all is well with it.
 */
async function addAbsentImages(problems: ProblemList, columns: RowColumns, layout: ImageLayout): Promise<void> {
  const listings = heldListings();
  /** By number of an object name, the row with it whose images were all there last. */
  const fine = new Int32Array(columns.texts.size()).fill(-1);
  const { input_path, golden_path, object_name } = columns;
  const pause = pausing();
  for (let at = 0; at < columns.rows; at++) {
    if (pause.isDue()) await pause.rest();
    const object = object_name.at(at);
    const like = fine[object] ?? -1;
    if (like >= 0 && input_path.at(like) === input_path.at(at) && golden_path.at(like) === golden_path.at(at)) continue;
    const images = imagesOf(rowAt(columns, at), layout).flatMap(({ input, golden }) => [input, golden]);
    const isThere = (image: string): boolean => listings.holds(normalPath(image));
    let absent = images.filter((image) => !isThere(image));
    if (listings.lacks()) {
      await listings.readMore();
      absent = images.filter((image) => !isThere(image));
    }
    for (const image of absent) problems.add("gate.missing-image", () => ({ row: at + 1, image }));
    if (absent.length === 0) fine[object] = at;
  }
}

function rowAt(columns: RowColumns, at: number) {
  const cell = (column: "input_path" | "golden_path" | "object_name") => textAt(columns, columns[column], at);
  return { input_path: cell("input_path"), golden_path: cell("golden_path"), object_name: cell("object_name") };
}
