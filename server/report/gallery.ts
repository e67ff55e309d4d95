import { inTurns } from "../data/pause.ts";
import { leastRows } from "../kpi/least.ts";
import { defined } from "../run/defined.ts";
import { type ImageLayout, imagePath } from "../run/images.ts";
import { type GalleryPictures, galleryPictures } from "./gallery-pictures.ts";
import { boardOf, componentOf, type KpiRow } from "./kpi-rows.ts";
import { changesBetween, countMisjudged, isWrong, type Judged, partsOf, worstRows } from "./misjudged.ts";
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
  const isKnown = new Uint8Array(count);
  const chosen: { readonly part: number; readonly row: KpiRow }[] = [];
  const choose = ({ table, parts }: (typeof keyed)[number], rows: readonly number[]): void => {
    for (const row of rows) chosen.push({ part: parts[row] as number, row: table.at(row) });
  };
  let wrong = 0;
  for (const one of order) {
    const worst = worstRows(one, rowLimit - chosen.length);
    await inTurns(one.table.rows, (row) => {
      const part = one.parts[row] as number;
      if (isKnown[part] === 1 || !isWrong(one, row)) return;
      isKnown[part] = 1;
      wrong++;
      worst.add(row);
    });
    choose(one, worst.rows());
  }
  if (first !== undefined) {
    const nearest = leastRows(rowLimit - chosen.length);
    await inTurns(first.table.rows, (row) => {
      if (isKnown[first.parts[row] as number] === 1) return;
      nearest.add(row, Math.abs((first.table.scores[row] as number) - first.threshold));
    });
    choose(first, nearest.rows());
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
    for (let row = 0; row < one.table.rows; row++) {
      const known = scores[places[one.parts[row] as number] as number];
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
