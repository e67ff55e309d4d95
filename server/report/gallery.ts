import { defined } from "../run/defined.ts";
import { type ImageLayout, imagePath } from "../run/images.ts";
import { type GalleryPictures, galleryPictures } from "./gallery-pictures.ts";
import { boardOf, componentOf, type KpiRow, smallest } from "./kpi-rows.ts";
import { changesBetween, countMisjudged, type Judged, misjudged, partsOf } from "./misjudged.ts";
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
  const changes = before && changesBetween(before, now);
  return {
    label: now.label,
    threshold: now.threshold,
    ...countMisjudged(now),
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
  const { count, of } = partsOf(judged.map(({ table }) => table));
  const keyed = judged.map((one, at) => ({ ...one, parts: of[at] as Int32Array }));
  const first = keyed.find(({ label }) => label === best) ?? keyed.at(-1);
  const order = first === undefined ? [] : [first, ...keyed.filter((one) => one !== first).reverse()];
  const isChosen = new Uint8Array(count);
  const chosen: { readonly part: number; readonly row: KpiRow }[] = [];
  let size = 0;
  const choose = ({ table, parts }: (typeof keyed)[number], rows: readonly number[]): void => {
    for (const row of rows) {
      const part = parts[row] as number;
      if (isChosen[part] === 1) continue;
      isChosen[part] = 1;
      size++;
      if (chosen.length < rowLimit) chosen.push({ part, row: table.at(row) });
    }
  };
  for (const one of order) choose(one, misjudged(one));
  const wrong = size;
  if (first !== undefined) {
    // A threshold beyond all scores may be infinite.
    const distances = first.table.scores.map((score) => Math.min(Number.MAX_VALUE, Math.abs(score - first.threshold)));
    choose(first, smallest(distances, rowLimit));
  }
  const scores = scoresOf(
    keyed,
    chosen.map(({ part }) => part),
    count,
  );
  const rows: GalleryRow[] = [];
  for (const [at, { row }] of chosen.entries()) {
    rows.push(await galleryRow(row, scores[at] ?? [], layout, pictures, at < wrong ? "needed" : "spare"));
  }
  return { rows, wrong };
}

/** What each scoring says of some parts; null where it does not have one. */
function scoresOf(
  keyed: readonly (Judged & { readonly parts: Int32Array })[],
  parts: readonly number[],
  count: number,
): (number | null)[][] {
  const places = new Int32Array(count).fill(-1);
  for (const [at, part] of parts.entries()) places[part] = at;
  const scores = parts.map(() => keyed.map((): number | null => null));
  for (const [at, one] of keyed.entries()) {
    for (const [row, part] of one.parts.entries()) {
      const known = scores[places[part] as number];
      if (known !== undefined) known[at] = one.table.scores[row] as number;
    }
  }
  return scores;
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
