import { Refusal } from "../errors.ts";
import { layouts } from "./layouts/index.ts";
import { readNames } from "./pattern.ts";
import type { Layout, Source, Tree } from "./source.ts";
import { readImageTable } from "./table.ts";
import { foreignImages, readTree } from "./tree.ts";

export type Reading = Source & { readonly layout: string };

/** How a source is to be read, where that is not to be found out. */
export type ReadingWish = {
  readonly layout?: string;
  /** Absolute path of a CSV that lists the images, and its columns by meaning. */
  readonly table?: string;
  readonly columns: Readonly<Record<string, string>>;
  /** Regular expression with named groups over the names of images. */
  readonly pattern?: string;
  /** Lightings to take, all without any. */
  readonly lightings: readonly string[];
};

/** What a golden image is and how to take one, for whoever has none. */
export const goldenAdvice =
  "A golden image shows the same place of a board that is known to be good: same camera, lens, light and position, " +
  "moved by a few pixels at most. Take one photo of each inspected place on a good board, with the fixture as it is.";

/**
 * Reads a folder as it was wished, else by the first layout that fits.
 *
 * @throws Refusal `input.import-layout` when none does, saying what was found and what the layouts look like; what
 * `readImageTable` and `readNames` throw.
 */
export async function readSource(root: string, wish: ReadingWish): Promise<Reading> {
  const tree = await readTree(root);
  const { layout, ...source } = await reading(tree, wish);
  const foreign = foreignImages(tree).length;
  const notes =
    foreign === 0 ? [] : [`${foreign} images are left out: only PNG and JPEG are read; convert them first.`];
  const images = withLightings(source, wish.lightings);
  return { layout, images, notes: [...source.notes, ...notes] };
}

async function reading(tree: Tree, wish: ReadingWish): Promise<Reading> {
  const { pattern, table } = wish;
  if (table !== undefined) {
    const listed = await readImageTable(tree.root, table, wish.columns);
    return pattern === undefined
      ? { ...listed, layout: "table" }
      : { ...readNames(tree, pattern, listed), layout: "table" };
  }
  const tried = candidates(wish.layout);
  for (const layout of tried) {
    const found = await layout.read(tree);
    if (found === undefined) continue;
    return { ...(pattern === undefined ? found : readNames(tree, pattern, found)), layout: layout.name };
  }
  if (pattern !== undefined) return { ...readNames(tree, pattern, undefined), layout: "names" };
  throw new Refusal("input.import-layout", `${tree.root} is laid out like no data set that is known here.`, {
    images: tree.images.length,
    examples: tree.images.slice(0, 5),
    unlabelled: "photos without labels and golden images are no data set; nothing is guessed",
    golden: goldenAdvice,
    layouts: Object.fromEntries(tried.map(({ name, looks }) => [name, looks])),
  });
}

function candidates(wanted: string | undefined): readonly Layout[] {
  const found = layouts.filter(({ name }) => wanted === undefined || name === wanted);
  if (found.length > 0) return found;
  throw new Refusal("input.invalid", "--layout is none that is known.", { layouts: layouts.map(({ name }) => name) });
}

/** How many lightings a square grid can hold. */
const lightingCounts = [1, 2, 4];

function withLightings({ images }: Source, wanted: readonly string[]): Source["images"] {
  const found = [...new Set(images.map(({ lighting }) => lighting ?? ""))].sort();
  const kept = wanted.length === 0 ? found : found.filter((lighting) => wanted.includes(lighting));
  if (lightingCounts.includes(kept.length)) return images.filter(({ lighting }) => kept.includes(lighting ?? ""));
  const message = `${kept.length} lightings make no square grid; 1, 2 or 4 do. Name them with --lightings.`;
  throw new Refusal("input.invalid", message, { lightings: found, wanted });
}
