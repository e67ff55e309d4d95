import { relative } from "node:path";
import type { ChangeNetRow } from "../../data/changenet.ts";
import { type ImageLayout, imagesOf, inWorkspaceSpace, normalPath } from "../../data/images.ts";
import { canonicalLabel, isPass } from "../../data/labels.ts";
import { excerpt, Refusal } from "../../errors.ts";
import { isInside } from "../../fs/contained.ts";
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
 * Checks a combined training set as TAO will read it: canonical labels, both classes, at least one full batch, and
 * every lighting of both images on disk in the directory form.
 *
 * @throws Refusal `gate.label-case`, `gate.missing-image`, `gate.schema` naming rows of `path`.
 */
export async function requireTrainable(
  path: string,
  rows: readonly ChangeNetRow[],
  layout: ImageLayout,
  batch: { readonly size: number; readonly gpus: number },
): Promise<void> {
  const odd = rows.flatMap((row, at) =>
    row.label === canonicalLabel(row.label) ? [] : [{ row: at + 1, label: row.label }],
  );
  if (odd.length > 0) {
    const examples = odd.slice(0, 5).map(({ row, label }) => ({ row, label: excerpt(label, 40) }));
    throw new Refusal("gate.label-case", "Training labels are not canonical.", { path, rows: odd.length, examples });
  }
  const pass_rows = rows.filter((row) => isPass(row.label)).length;
  if (pass_rows === 0 || pass_rows === rows.length) {
    const facts = { path, pass_rows, defect_rows: rows.length - pass_rows };
    throw new Refusal("gate.schema", "The training set has one class only.", facts);
  }
  const needed = batch.size * Math.max(1, batch.gpus);
  if (rows.length < needed) {
    throw new Refusal("gate.schema", "The training set is smaller than one batch.", {
      path,
      rows: rows.length,
      needed,
    });
  }
  await requireImages(path, rows, layout);
}

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
