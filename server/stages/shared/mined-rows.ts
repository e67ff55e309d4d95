import { dirname, join, relative } from "node:path";
import { byColumn, type ChangeNetRow } from "../../data/changenet.ts";
import { Refusal } from "../../errors.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { isInside } from "../../fs/contained.ts";
import { readBytes } from "../../fs/read.ts";
import { canonicalLabel } from "../../run/pass-labels.ts";
import { type ImageNames, type PoolPlace, poolImages, poolLines } from "./mining-pool.ts";
import type { Pool } from "./pool-rows.ts";

/**
 * Names each candidate by the first lighting of its pool row. A training row takes all lightings, so a row mined under
 * a second one, now or in a later iteration, must be recognised as the same.
 */
export function byFirstLighting<Row extends { readonly filepath: string }>(
  candidates: readonly Row[],
  pool: Pool,
): Row[] {
  return candidates.map((candidate) => {
    const at = pool.rowOf(candidate.filepath);
    const first = at < 0 ? undefined : poolImages(pool.row(at), pool.layout)[0];
    return first ? { ...candidate, filepath: first.input } : candidate;
  });
}

/** Where training rows are relative to, and where the copies of OK-only rows go. */
type Places = { readonly workspace: string; readonly golden_copies: string };

/**
 * Pool rows by their numbers, in this order, as training rows relative to the workspace. An OK-only row gets a copy of
 * itself as its golden image.
 *
 * @throws Refusal `gate.path-outside-workspace` for images that no workspace path can name.
 */
export async function trainingRows(pool: Pool, mined: readonly number[], places: Places): Promise<ChangeNetRow[]> {
  const wanted = new Set(mined);
  const cells = new Map<number, Cells>();
  if (wanted.size > 0) for await (const row of cellsOf(pool, (at) => wanted.has(at))) cells.set(row.at, row.cells);
  const rows: ChangeNetRow[] = [];
  for (const [place, at] of mined.entries()) {
    const row = pool.row(at);
    const copies = join(places.golden_copies, String(place));
    const golden_dir = row.golden_dir ?? (await copyAsGolden(row, pool.layout, copies));
    rows.push(trainingRow({ ...row, golden_dir }, cells.get(at) ?? {}, places.workspace));
  }
  return rows;
}

/** Pool rows that have a golden image, in the order of the pool, one by one. @throws like `trainingRows`. */
export async function* pairRows(
  pool: Pool,
  takes: (at: number) => boolean,
  workspace: string,
): AsyncGenerator<ChangeNetRow> {
  for await (const { at, cells } of cellsOf(pool, takes)) yield trainingRow(pool.row(at), cells, workspace);
}

type Cells = Readonly<Record<string, string>>;

/** The cells of some rows, read anew. */
async function* cellsOf(pool: Pool, takes: (at: number) => boolean) {
  let at = 0;
  for await (const { header, cells } of poolLines(pool.csv_path)) {
    if (takes(at)) yield { at, cells: byColumn(header, cells) };
    at++;
  }
}

function trainingRow(row: PoolPlace, cells: Cells, workspace: string): ChangeNetRow {
  const { filepath: _file, golden_filepath: _golden, image_path: _image, ...own } = cells;
  return {
    ...own,
    label: canonicalLabel(row.label),
    object_name: row.object_name,
    input_path: inWorkspace(workspace, row.input_dir),
    golden_path: inWorkspace(workspace, row.golden_dir ?? ""),
  };
}

async function copyAsGolden(row: PoolPlace, layout: ImageNames, directory: string): Promise<string> {
  await makeDirectory(directory);
  for (const { input } of poolImages(row, layout)) {
    await writeAtomic(join(directory, relative(dirname(input), input)), await readBytes(input));
  }
  return directory;
}

function inWorkspace(workspace: string, directory: string): string {
  if (isInside(workspace, directory)) return relative(workspace, directory);
  throw new Refusal("gate.path-outside-workspace", "A mined image lies outside the workspace.", { directory });
}
