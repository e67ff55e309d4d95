import { type Depth, meanReach, possibleLikeness, type Sketch } from "./sketch.ts";

/** Held-out images, by number, that an image may be a copy of or near to. */
type Candidates = { readonly copies: readonly number[]; readonly near: readonly number[] };

type Held = { readonly image: number; readonly mean: number; readonly sketch: Sketch };

/** Finds, among held-out images of the same size, those that a sketch cannot tell from a given one. */
export function sketchIndex(depth: Depth, held: Iterable<readonly [image: number, sketch: Sketch]>) {
  const bySize = new Map<string, Held[]>();
  for (const [image, sketch] of held) {
    const group = bySize.get(sizeOf(sketch)) ?? [];
    group.push({ image, mean: meanOf(sketch), sketch });
    bySize.set(sizeOf(sketch), group);
  }
  for (const group of bySize.values()) group.sort((a, b) => a.mean - b.mean);
  return (sketch: Sketch): Candidates => {
    const group = bySize.get(sizeOf(sketch)) ?? [];
    const [mean, reach] = [meanOf(sketch), meanReach(sketch, depth)];
    const copies: number[] = [];
    const near: number[] = [];
    for (let at = firstAtLeast(group, mean - reach); at < group.length; at++) {
      const one = group[at] as Held;
      if (one.mean > mean + reach) break;
      const likeness = possibleLikeness(one.sketch, sketch, depth);
      if (likeness !== undefined) (likeness === "copy" ? copies : near).push(one.image);
    }
    return { copies, near };
  };
}

function sizeOf({ width, height }: Sketch): string {
  return `${width}x${height}`;
}

function meanOf({ fields }: Sketch): number {
  let sum = 0;
  for (const field of fields) sum += field;
  return sum / Math.max(1, fields.length);
}

function firstAtLeast(held: readonly Held[], mean: number): number {
  let from = 0;
  let to = held.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((held[middle]?.mean ?? 0) < mean) from = middle + 1;
    else to = middle;
  }
  return from;
}
