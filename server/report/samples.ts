import { dirname, join } from "node:path";
import { layoutOf, readSpec } from "../data/spec.ts";
import { Refusal } from "../errors.ts";
import { containedPath } from "../fs/contained.ts";
import { listNames, readBytes } from "../fs/read.ts";
import { rankGaps } from "../kpi/gaps.ts";
import { leastRows } from "../kpi/least.ts";
import { defined } from "../run/defined.ts";
import { type ImageLayout, imagePath } from "../run/images.ts";
import type { IterationState } from "../run/state.ts";
import type { KpiRow, KpiTable } from "./kpi-rows.ts";
import type { Note } from "./lenient.ts";
import type { PairView, WeakSample } from "./model.ts";
import { decode, difference, type ImageFile, picture, pictureOf, scaleDown } from "./pictures.ts";

const pairSide = 256;
const gallerySide = 128;
const galleryPerLabel = 3;
const galleryLimit = 12;

/** Reads images below the allowed roots; what cannot be read or decoded is undefined. */
export type ImageReader = (path: string) => Promise<ImageFile | undefined>;

/** Images of the run may lie in its directory, its workspace and its images root; nothing else is ever read. */
export function imageReader(roots: readonly string[]): ImageReader {
  return async (path) => {
    try {
      return decode(await readBytes(await containedPath(roots, path, "an image")));
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  };
}

/** Where the images of KPI rows lie, from the iteration's own spec; undefined when it cannot be read. */
export async function kpiLayout(
  spec: string | undefined,
  imagesDir: string | undefined,
): Promise<ImageLayout | undefined> {
  if (spec === undefined || imagesDir === undefined) return undefined;
  try {
    return layoutOf(await readSpec(spec), imagesDir);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The weakest parts of each label, weakest first, with their images as far as they exist. */
export async function weakestSamples(
  table: KpiTable,
  threshold: number,
  layout: ImageLayout | undefined,
  read: ImageReader,
  note: Note,
): Promise<WeakSample[]> {
  const samples: WeakSample[] = [];
  let without = 0;
  for (const { row, weakness } of rankGaps(table, threshold, galleryPerLabel).slice(0, galleryLimit)) {
    const { test, golden } = await imagesOfRow(row, layout, read);
    if (test === undefined) without++;
    samples.push({
      name: row.object_name,
      label: row.label,
      score: row.score,
      weakness,
      ...defined({ test: test && pictureOf(test, gallerySide), golden: golden && pictureOf(golden, gallerySide) }),
    });
  }
  if (without > 0) note(`${without} of the ${samples.length} weakest samples have no readable image.`);
  return samples;
}

/** The hardest real defect beside its golden image; undefined without a defective row whose images can be read. */
export async function realPair(
  iteration: string,
  table: KpiTable,
  layout: ImageLayout | undefined,
  read: ImageReader,
): Promise<PairView | undefined> {
  const hardest = leastRows(5);
  for (let at = 0; at < table.rows; at++) if (table.defective[at]) hardest.add(at, table.scores[at] as number);
  for (const row of hardest.rows().map(table.at)) {
    const { test, golden } = await imagesOfRow(row, layout, read);
    if (test === undefined || golden === undefined) continue;
    const { object_name: name, label, score } = row;
    return { kind: "real", iteration, name, label, score, ...pairPictures(test, golden) };
  }
  return undefined;
}

/** A generated part beside the clean image that it was made from: `reconstructed_image` and `original_image`. */
export async function syntheticPair(
  iteration: string,
  state: Partial<IterationState>,
  read: ImageReader,
): Promise<PairView | undefined> {
  if (state.anomalygen_sdg_csv === undefined) return undefined;
  const folder = dirname(state.anomalygen_sdg_csv);
  const names = (await listNames(join(folder, "reconstructed_image"))).filter((name) => /\.(png|jpe?g)$/i.test(name));
  for (const name of names.slice(0, 8)) {
    const test = await read(join(folder, "reconstructed_image", name));
    const golden = await read(join(folder, "original_image", name));
    if (test === undefined || golden === undefined || isBlack(test)) continue;
    const label = name.slice(name.indexOf("+") + 1, name.lastIndexOf("_"));
    return { kind: "synthetic", iteration, name, label, ...pairPictures(test, golden) };
  }
  return undefined;
}

function pairPictures(test: ImageFile, golden: ImageFile) {
  const [left, right] = [scaleDown(test.pixels, pairSide), scaleDown(golden.pixels, pairSide)];
  return {
    test: pictureOf(test, pairSide),
    golden: pictureOf(golden, pairSide),
    difference: picture(difference(left, right)),
  };
}

/** The images of a row's first lighting. */
async function imagesOfRow(row: KpiRow, layout: ImageLayout | undefined, read: ImageReader) {
  if (layout === undefined) return {};
  const of = (directory: string) => read(imagePath(layout, directory, row.object_name, layout.lightings[0]));
  const [test, golden] = [await of(row.input_path), await of(row.golden_path)];
  return defined({ test, golden });
}

/** An image that the generator's guardrail blocked is black all over. */
function isBlack({ pixels: image }: ImageFile): boolean {
  for (let at = 0; at < image.data.length; at += 4) {
    if ((image.data[at] ?? 0) + (image.data[at + 1] ?? 0) + (image.data[at + 2] ?? 0) > 0) return false;
  }
  return true;
}
