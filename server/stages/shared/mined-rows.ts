import { dirname, join, relative } from "node:path";
import type { ChangeNetRow } from "../../data/changenet.ts";
import { Refusal } from "../../errors.ts";
import { makeDirectory, writeAtomic } from "../../fs/atomic.ts";
import { isInside } from "../../fs/contained.ts";
import { readBytes } from "../../fs/read.ts";
import type { StageContext } from "../../ports/stage.ts";
import { canonicalLabel } from "../../run/pass-labels.ts";
import { type ImageNames, type PoolRow, poolCells, poolImages, poolSource, readResolvedPool } from "./mining-pool.ts";
import { inheritedSpec, layoutFrom } from "./specs.ts";

/** The run's pool, with its rows by the path of each of their images. */
export type Pool = {
  readonly rows: readonly PoolRow[];
  readonly layout: ImageNames;
  readonly byImage: ReadonlyMap<string, PoolRow>;
};

/** Stands for the pool where nothing is mined. */
export const emptyPool: Pool = { rows: [], layout: { lightings: [], image_ext: "" }, byImage: new Map() };

/** Reads the snapshot that the run mines from. @throws Refusal `gate.empty-pool`. */
export async function poolOf(context: StageContext): Promise<Pool> {
  const { config } = context.state;
  const source = poolSource(config, await layoutFrom(inheritedSpec(context), config.images_dir));
  const rows = await readResolvedPool(source);
  const images = rows.flatMap((row) => poolImages(row, source).map(({ input }) => [input, row] as const));
  return { rows, layout: source, byImage: new Map(images) };
}

/**
 * Names each candidate by the first lighting of its pool row. A training row takes all lightings, so a row mined under
 * a second one, now or in a later iteration, must be recognised as the same.
 */
export function byFirstLighting<Row extends { readonly filepath: string }>(
  candidates: readonly Row[],
  pool: Pool,
): Row[] {
  return candidates.map((candidate) => {
    const row = pool.byImage.get(candidate.filepath);
    const first = row && poolImages(row, pool.layout)[0];
    return first ? { ...candidate, filepath: first.input } : candidate;
  });
}

/**
 * Mined pool rows as training rows relative to the workspace. An OK-only row gets a copy of itself as its golden image.
 *
 * @throws Refusal `gate.path-outside-workspace` for images that no workspace path can name.
 */
export async function trainingRows(
  mined: readonly PoolRow[],
  layout: ImageNames,
  places: { readonly workspace: string; readonly golden_copies: string },
): Promise<ChangeNetRow[]> {
  const rows: ChangeNetRow[] = [];
  for (const [at, row] of mined.entries()) {
    const golden_dir = row.golden_dir ?? (await copyAsGolden(row, layout, join(places.golden_copies, String(at))));
    rows.push({
      ...poolCells(row),
      label: canonicalLabel(row.label),
      object_name: row.object_name,
      input_path: inWorkspace(places.workspace, row.input_dir),
      golden_path: inWorkspace(places.workspace, golden_dir),
    });
  }
  return rows;
}

async function copyAsGolden(row: PoolRow, layout: ImageNames, directory: string): Promise<string> {
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
