import type { ImageIndex } from "../image-index.ts";
import { createPackedList } from "../number-list.ts";
import { inTurns } from "../pause.ts";
import type { RowImages } from "../row-images.ts";
import { findCopies } from "./copies.ts";
import { repeatedNumbers } from "./repeats.ts";

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
  const { golden } = training;
  const fileAt = (at: number): number => index.identityOf(golden.at(at));
  const shared = await repeatedNumbers(golden.length, fileAt, index.size(), signal);
  const uses = new Map<number, number>();
  const count = (at: number): void => {
    const file = fileAt(at);
    if (shared.has(file)) uses.set(file, (uses.get(file) ?? 0) + 1);
  };
  await inTurns(golden.length, count, signal);
  const often = [...uses].sort((a, b) => b[1] - a[1]);
  if (often.length === 0) return undefined;
  const files = createPackedList();
  for (const [file] of often) files.push(file);
  const copies = await findCopies([files, held.input], index, signal);
  const goldens = new Set(often.map(([file]) => copies.imageOf(file)));
  const lines = new Map<number, number>();
  const look = (at: number): void => {
    const shown = copies.imageOf(held.input.at(at));
    if (goldens.has(shown) && !lines.has(shown)) lines.set(shown, held.columns.lines.at(Math.floor(at / held.count)));
  };
  await inTurns(held.input.length, look, signal);
  for (const [file, count] of often) {
    const held_line = lines.get(copies.imageOf(file));
    if (held_line !== undefined) return { path: index.pathOf(file), rows: count, held_line };
  }
  return undefined;
}
