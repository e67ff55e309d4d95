import { relative } from "node:path";
import type { ChangeNetRow } from "../../data/changenet.ts";
import { type ImageLayout, imagesOf, inWorkspaceSpace, normalPath } from "../../data/images.ts";
import { canonicalLabel, isPass } from "../../data/labels.ts";
import { validateCsv } from "../../data/validate.ts";
import { Refusal } from "../../errors.ts";
import { isInside } from "../../fs/contained.ts";
import { sha256OfFile } from "../../fs/hash.ts";
import type { RunConfig } from "../../run/state.ts";
import { heldListings } from "./listings.ts";

/** A combined training row with where it came from. */
export type SourcedRow = {
  readonly row: ChangeNetRow;
  readonly source: "base_train" | "previous_iter_train" | "mining_pool";
};

/**
 * Seed rows in workspace coordinates: the images-root prefix is put before both paths, once, and labels become
 * canonical.
 *
 * @throws Refusal `gate.path-outside-workspace` when the images root lies outside: no prefix could express it.
 */
export function seedRows(rows: readonly ChangeNetRow[], workspace: string, imagesDir: string): ChangeNetRow[] {
  if (!isInside(workspace, imagesDir)) {
    const facts = { workspace, images_dir: imagesDir };
    throw new Refusal("gate.path-outside-workspace", "The images root lies outside the workspace.", facts);
  }
  const prefix = relative(workspace, imagesDir);
  return rows.map((row) => ({
    ...row,
    input_path: inWorkspaceSpace(prefix, row.input_path),
    golden_path: inWorkspaceSpace(prefix, row.golden_path),
    label: canonicalLabel(row.label),
  }));
}

/** What makes two training rows the same part: its images and its label. */
export function rowKey(row: ChangeNetRow): string {
  return JSON.stringify([normalPath(row.input_path), normalPath(row.golden_path), row.label, row.object_name]);
}

/**
 * Checks a combined training CSV as TAO will read it: both classes, at least one full batch, every lighting of both
 * images where the workspace coordinates say, cells that the loader would change, label case, and leakage into the
 * validation or the KPI set.
 *
 * @returns warnings: rows that show the same image.
 * @throws Refusal with the code of the first problem, naming lines of `path`.
 */
export async function requireTrainable(
  path: string,
  rows: readonly ChangeNetRow[],
  layout: ImageLayout,
  config: RunConfig,
): Promise<string[]> {
  requireClassesAndBatch(path, rows, config.batch_size * Math.max(1, config.num_gpus));
  const { problems } = await validateCsv({
    csv: path,
    workspace: config.workspace,
    images_root: config.images_dir,
    lightings: layout,
    validation_csv: config.validation_csv,
    kpi_csv: config.kpi_test_csv,
    contentOf: sha256OfFile,
  });
  const [first] = problems.filter(({ code }) => code !== "gate.duplicate-row");
  if (first) {
    const facts = { path, rows: first.count, examples: first.examples, codes: problems.map(({ code }) => code) };
    throw new Refusal(first.code, "The combined training set is not usable.", facts);
  }
  await requireImages(path, rows, layout);
  return problems.map(({ count }) => `${count} training rows show an image that another row shows.`);
}

function requireClassesAndBatch(path: string, rows: readonly ChangeNetRow[], needed: number): void {
  const pass_rows = rows.filter((row) => isPass(row.label)).length;
  if (pass_rows === 0 || pass_rows === rows.length) {
    const facts = { path, pass_rows, defect_rows: rows.length - pass_rows };
    throw new Refusal("gate.schema", "The training set has one class only.", facts);
  }
  if (rows.length < needed) {
    const facts = { path, rows: rows.length, needed };
    throw new Refusal("gate.schema", "The training set is smaller than one batch.", facts);
  }
}

/** The validator takes the root that fits most rows; a training set must fit the workspace alone, in the directory form. */
async function requireImages(path: string, rows: readonly ChangeNetRow[], layout: ImageLayout): Promise<void> {
  const holds = heldListings();
  const absent: { row: number; image: string }[] = [];
  for (const [at, row] of rows.entries()) {
    for (const { input, golden } of imagesOf(row, layout)) {
      for (const image of [input, golden]) if (!(await holds(normalPath(image)))) absent.push({ row: at + 1, image });
    }
  }
  if (absent.length === 0) return;
  const facts = { path, images: absent.length, examples: absent.slice(0, 5) };
  throw new Refusal("gate.missing-image", "Training rows name images that do not exist.", facts);
}
