import { Refusal } from "../errors.ts";
import { layouts } from "./layouts/index.ts";
import type { Source } from "./source.ts";
import { foreignImages, readTree } from "./tree.ts";

export type Reading = Source & { readonly layout: string };

/** What a golden image is and how to take one, for whoever has none. */
export const goldenAdvice =
  "A golden image shows the same place of a board that is known to be good: same camera, lens, light and position, " +
  "moved by a few pixels at most. Take one photo of each inspected place on a good board, with the fixture as it is.";

/**
 * Reads a folder by the layout that is named, else by the first that fits.
 *
 * @throws Refusal `input.import-layout` when none does, saying what was found and what the layouts look like.
 */
export async function readSource(root: string, wanted: { readonly layout?: string }): Promise<Reading> {
  const tree = await readTree(root);
  const tried = wanted.layout === undefined ? layouts : layouts.filter(({ name }) => name === wanted.layout);
  for (const layout of tried) {
    const found = await layout.read(tree);
    if (found === undefined) continue;
    const foreign = foreignImages(tree).length;
    const notes =
      foreign === 0 ? [] : [`${foreign} images are left out: only PNG and JPEG are read; convert them first.`];
    return { ...found, layout: layout.name, notes: [...found.notes, ...notes] };
  }
  throw new Refusal("input.import-layout", `${root} is laid out like no data set that is known here.`, {
    images: tree.images.length,
    examples: tree.images.slice(0, 5),
    unlabelled: "photos without labels and golden images are no data set; nothing is guessed",
    golden: goldenAdvice,
    layouts: Object.fromEntries(tried.map(({ name, looks }) => [name, looks])),
  });
}
