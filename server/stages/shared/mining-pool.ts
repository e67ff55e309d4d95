import { basename, join, relative } from "node:path";
import { refuseMissingColumns } from "../../data/changenet.ts";
import { type TableRow, tableRows, writeRows } from "../../data/csv.ts";
import { Refusal } from "../../errors.ts";
import { isInside } from "../../fs/contained.ts";
import { type ImageLayout, suffixesOf } from "../../run/images.ts";
import type { RunConfig } from "../../run/state.ts";

/** What the file names of a row are made of. */
export type ImageNames = Pick<ImageLayout, "lightings" | "image_ext">;

/** A row's label and the place of its images; every lighting of it exists there. */
export type PoolPlace = {
  readonly label: string;
  readonly object_name: string;
  /** Absolute directory of the tested images, and of the golden ones; no golden directory for an OK-only row. */
  readonly input_dir: string;
  readonly golden_dir: string | undefined;
};

/** The same with the row's cells in the pool file, by column. */
export type PoolRow = PoolPlace & { readonly cells: Readonly<Record<string, string>> };

export type PoolSource = {
  readonly csv_path: string;
  /** Where the real images of the run lie. */
  readonly images_dir: string;
  /** What `filepath` of the snapshot is relative to; a file outside of it is spelled absolute. */
  readonly filepath_root: string;
  readonly lightings: readonly string[];
  readonly image_ext: string;
};

/** The source of a run's pool: its snapshot once there is one, else the pool's own CSV. */
export function poolSource(config: RunConfig, layout: ImageNames): PoolSource {
  const csv_path = config.resolved_mining_pool_csv ?? config.mining_pool_csv;
  if (csv_path === undefined) throw new Refusal("gate.empty-pool", "The run has no mining pool.");
  const { lightings, image_ext } = layout;
  const filepath_root = config.mining_images_root ?? config.images_dir;
  return { csv_path, images_dir: config.images_dir, filepath_root, lightings, image_ext };
}

/** Columns that a resolved pool has beyond the pool's own; paths under the images root are relative to it. */
export const resolvedColumns = ["filepath", "golden_filepath"] as const;

/** Writes the snapshot that the run mines from: the pool's columns, `filepath` and `golden_filepath`. */
export async function writeResolvedPool(path: string, source: PoolSource, rows: AsyncIterable<PoolRow>): Promise<void> {
  await writeRows(path, snapshotOf(source, rows));
}

/** Header and rows of the snapshot: every row of a pool has the columns of the first. */
async function* snapshotOf(source: PoolSource, rows: AsyncIterable<PoolRow>): AsyncGenerator<readonly string[]> {
  let header: readonly string[] | undefined;
  for await (const row of rows) {
    if (header === undefined) {
      const own = Object.keys(row.cells).filter((name) => !(resolvedColumns as readonly string[]).includes(name));
      header = [...own, ...resolvedColumns];
      yield header;
    }
    const first = poolImages(row, source)[0];
    const places: Record<string, string> = {
      filepath: first ? spelled(source, first.input) : "",
      golden_filepath: first?.golden === undefined ? "" : spelled(source, first.golden),
    };
    yield header.map((column) => places[column] ?? row.cells[column] ?? "");
  }
}

/** Every image of a pool row, one a lighting in `input_map` order. */
export function poolImages(row: PoolPlace, layout: ImageNames): { input: string; golden: string | undefined }[] {
  return suffixesOf(layout).map((suffix) => ({
    input: join(row.input_dir, row.object_name + suffix),
    golden: row.golden_dir === undefined ? undefined : join(row.golden_dir, row.object_name + suffix),
  }));
}

/** Labels of a pool, upper-cased, for routing. */
export async function poolLabels(csvPath: string): Promise<string[]> {
  const labels = new Set<string>();
  for await (const { header, cells } of poolLines(csvPath)) {
    labels.add((cells[header.indexOf("label")] ?? "").trim().toUpperCase());
  }
  return [...labels];
}

/** The rows of a pool file as it is read. @throws Refusal `gate.empty-pool` when it is absent or has no row; `gate.schema`. */
export async function* poolLines(
  path: string,
  needed: readonly string[] = ["label"],
): AsyncGenerator<TableRow, void, undefined> {
  let rows = 0;
  try {
    for await (const row of tableRows(path)) {
      if (rows === 0) refuseMissingColumns(path, row.header, needed);
      rows++;
      yield row;
    }
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "input.unreadable-file") throw error;
    throw new Refusal("gate.empty-pool", "The mining pool cannot be read.", error.facts, { cause: error });
  }
  if (rows === 0) throw new Refusal("gate.empty-pool", "The mining pool has no row.", { path });
}

/** The object name in a file name of the first lighting, or undefined when the name has another shape. */
export function objectOf(path: string, layout: ImageNames): string | undefined {
  const name = basename(path);
  const suffix = suffixesOf(layout)[0] ?? "";
  return name.endsWith(suffix) && name.length > suffix.length ? name.slice(0, -suffix.length) : undefined;
}

function spelled(source: PoolSource, path: string): string {
  return isInside(source.filepath_root, path) ? relative(source.filepath_root, path) : path;
}
