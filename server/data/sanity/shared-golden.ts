import type { ImageIndex } from "../image-index.ts";
import type { RowImages } from "../row-images.ts";
import { findCopies } from "./copies.ts";

export type SharedGolden = { readonly path: string; readonly rows: number; readonly held_line: number };

/**
 * The golden image that the most rows share among those that a held-out row inspects, by file or as a copy; undefined
 * when no golden image is inspected there. Such rows leak through one image: it has to go, not they.
 */
export async function sharedGolden(
  training: RowImages,
  held: RowImages,
  index: ImageIndex,
  signal?: AbortSignal,
): Promise<SharedGolden | undefined> {
  const uses = new Map<number, number>();
  for (const image of training.golden) {
    const file = index.identityOf(image);
    uses.set(file, (uses.get(file) ?? 0) + 1);
  }
  const often = [...uses].filter(([, count]) => count > 1).sort((a, b) => b[1] - a[1]);
  if (often.length === 0) return undefined;
  const copies = await findCopies([often.map(([file]) => file), held.input], index, signal);
  const lines = new Map<number, number>();
  for (let at = 0; at < held.input.length; at++) {
    const shown = copies.imageOf(held.input.at(at));
    if (!lines.has(shown)) lines.set(shown, held.columns.lines.at(Math.floor(at / held.count)));
  }
  for (const [file, count] of often) {
    const held_line = lines.get(copies.imageOf(file));
    if (held_line !== undefined) return { path: index.pathOf(file), rows: count, held_line };
  }
  return undefined;
}
