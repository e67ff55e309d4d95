import { dirname } from "node:path";
import type { ChangeNetRow, ChangeNetTable } from "../data/changenet.ts";
import { type ImageLayout, imagePath, joinPath } from "../data/images.ts";
import { realPathOf } from "../fs/contained.ts";
import { kindOf } from "../fs/read.ts";

/** Where the images of a pool row are: real absolute paths, the first lighting for `filepath`. */
export type PoolRow = { readonly row: ChangeNetRow; readonly filepath: string };

export type PoolProblem = { readonly row: number; readonly found: number; readonly value: string };

export type ResolvedPool = {
  readonly rows: readonly PoolRow[];
  readonly problems: readonly PoolProblem[];
  /** The directory that relative values turned out to start from. */
  readonly images_root: string;
};

/**
 * Finds the one image of every pool row: its value is tried from the CSV's own directory and from the images root
 * (less a leading `images/`), as a directory and as a file, and exactly one distinct file must exist (tao-stages 4.5).
 *
 * `row` in a problem counts data rows from 1.
 */
export async function resolvePool(csv: string, table: ChangeNetTable, layout: ImageLayout): Promise<ResolvedPool> {
  const roots = [...new Set([dirname(csv), layout.images_dir])];
  const rows: PoolRow[] = [];
  const problems: PoolProblem[] = [];
  const votes = new Map<string, number>();
  for (const [at, row] of table.rows.entries()) {
    const hits = await hitsOf(row, roots, layout);
    const [only] = hits;
    if (only !== undefined && hits.size === 1) {
      const [filepath, root] = only;
      rows.push({ row, filepath });
      votes.set(root, (votes.get(root) ?? 0) + 1);
    } else problems.push({ row: at + 1, found: hits.size, value: row.input_path });
  }
  const ranked = [...votes].sort((a, b) => b[1] - a[1]);
  return { rows, problems, images_root: ranked[0]?.[0] ?? dirname(csv) };
}

/** Existing files by real path, each with the root that led to it. */
async function hitsOf(row: ChangeNetRow, roots: readonly string[], layout: ImageLayout): Promise<Map<string, string>> {
  const hits = new Map<string, string>();
  for (const root of roots) {
    for (const candidate of candidates(row, root, layout)) {
      if ((await kindOf(candidate)) !== "file") continue;
      const real = await realPathOf(candidate);
      if (!hits.has(real)) hits.set(real, root);
    }
  }
  return hits;
}

function candidates(row: ChangeNetRow, root: string, layout: ImageLayout): string[] {
  const value = row.filepath || row.input_path || row.image_path || "";
  const spellings = value.startsWith("images/") && root === layout.images_dir ? [value.slice(7)] : [value];
  const lighting = layout.lightings[0];
  return spellings.flatMap((spelling) => [
    joinPath(root, spelling),
    imagePath({ ...layout, images_dir: root }, spelling, row.object_name, lighting),
  ]);
}
