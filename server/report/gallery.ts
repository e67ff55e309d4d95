import { defined } from "../run/defined.ts";
import { type ImageLayout, imagePath } from "../run/images.ts";
import { type GalleryPictures, galleryPictures } from "./gallery-pictures.ts";
import { boardOf, componentOf, type KpiRow } from "./kpi-rows.ts";
import { changesBetween, type Judged, misjudged, partKeys } from "./misjudged.ts";
import type { Gallery, GalleryIteration, GalleryRow } from "./model.ts";

/** Parts that a page lists; a row costs it about a hundred bytes. */
const rowLimit = 4000;
/** Rows of all iterations together that a report reads for its gallery. */
export const galleryReadLimit = 150_000;

/** Where the images of a run are looked for. */
export type PicturePlaces = { readonly roots: readonly string[]; readonly layout: ImageLayout | undefined };

/**
 * Every part that some iteration misjudges, with its images as far as they fit, and then the parts nearest to the
 * threshold of `best`, which a moved threshold may turn. Iterations come in the order of the run.
 */
export async function galleryOf(
  judged: readonly Judged[],
  best: string | undefined,
  { roots, layout }: PicturePlaces,
): Promise<Gallery> {
  const pictures = galleryPictures(roots);
  const { rows, wrong } = await rowsOf(judged, best, layout, pictures);
  return {
    iterations: judged.map((one, at) => iterationOf(one, judged[at - 1])),
    rows,
    left_out: Math.max(0, wrong - rowLimit),
    without_picture: rows.slice(0, wrong).filter(({ test }) => test === undefined).length,
    pictures: pictures.uris,
  };
}

function iterationOf(now: Judged, before: Judged | undefined): GalleryIteration {
  const wrong = misjudged(now);
  const missed = wrong.filter(({ defective }) => defective).length;
  const changes = before && changesBetween(before, now);
  return {
    label: now.label,
    threshold: now.threshold,
    missed,
    false_alarms: wrong.length - missed,
    ...defined({
      fixed: changes?.fixed.length,
      broken: changes?.broken.length,
      still: changes?.still.length,
    }),
  };
}

async function rowsOf(
  judged: readonly Judged[],
  best: string | undefined,
  layout: ImageLayout | undefined,
  pictures: GalleryPictures,
): Promise<{ rows: GalleryRow[]; wrong: number }> {
  const scores = new Map<string, (number | null)[]>();
  const keyed = judged.map((one) => ({
    ...one,
    keys: new Map(partKeys(one.rows).map((key, at) => [one.rows[at], key])),
  }));
  for (const [at, { keys }] of keyed.entries()) {
    for (const [row, key] of keys) {
      const known = scores.get(key) ?? judged.map(() => null);
      known[at] = row?.score ?? null;
      scores.set(key, known);
    }
  }
  const first = keyed.find(({ label }) => label === best) ?? keyed.at(-1);
  const order = first === undefined ? [] : [first, ...keyed.filter((one) => one !== first).reverse()];
  const chosen = new Map<string, KpiRow>();
  const choose = (rows: readonly KpiRow[], keys: ReadonlyMap<KpiRow | undefined, string>) => {
    for (const row of rows) chosen.set(keys.get(row) ?? "", chosen.get(keys.get(row) ?? "") ?? row);
  };
  for (const one of order) choose(misjudged(one), one.keys);
  const wrong = chosen.size;
  if (first !== undefined) {
    const near = (row: KpiRow) => Math.abs(row.score - first.threshold);
    choose([...first.rows].sort((a, b) => near(a) - near(b)).slice(0, rowLimit), first.keys);
  }
  const rows: GalleryRow[] = [];
  for (const [key, row] of [...chosen].slice(0, rowLimit)) {
    rows.push(await galleryRow(row, scores.get(key) ?? [], layout, pictures, rows.length < wrong ? "needed" : "spare"));
  }
  return { rows, wrong };
}

/** Pictures are of a part's first lighting. */
async function galleryRow(
  row: KpiRow,
  scores: readonly (number | null)[],
  layout: ImageLayout | undefined,
  pictures: GalleryPictures,
  kind: "needed" | "spare",
): Promise<GalleryRow> {
  const { label, object_name, defective, input_path, golden_path } = row;
  const place = { board: boardOf(row), component: componentOf(row) };
  const of = async (directory: string) =>
    layout && (await pictures.add(imagePath(layout, directory, object_name, layout.lightings[0]), kind));
  const shown = defined({ test: await of(input_path), golden: await of(golden_path) });
  return { name: object_name, label: label.trim(), ...place, defective, scores, ...shown };
}
