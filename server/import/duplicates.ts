import { openContents } from "../data/content-cache.ts";
import { seenFiles } from "../data/image-index.ts";
import { compareImages } from "../data/process/image-batches.ts";
import { possibleLikeness } from "../data/sketch.ts";
import { sha256OfFile } from "../fs/hash.ts";
import type { LeftOut } from "./parts.ts";
import type { SourceImage } from "./source.ts";

export type Distinct = { readonly images: readonly SourceImage[]; readonly left_out: readonly LeftOut[] };

/**
 * Keeps one of each set of files with equal bytes, and none where two of them have different labels or where one is a
 * golden image: an image beside itself teaches nothing, and a golden image of training must not be inspected elsewhere.
 */
export async function distinctImages(images: readonly SourceImage[]): Promise<Distinct> {
  const byDigest = new Map<string, SourceImage[]>();
  for (const image of images) {
    const digest = await sha256OfFile(image.path);
    byDigest.set(digest, [...(byDigest.get(digest) ?? []), image]);
  }
  const goldens = new Set(images.flatMap(({ golden }) => (golden === undefined ? [] : [golden])));
  const golden = new Set(await Promise.all([...goldens].map(sha256OfFile)));
  const left_out: LeftOut[] = [];
  const out = new Set<SourceImage>();
  for (const [digest, [first, ...others]] of byDigest) {
    if (first !== undefined && golden.has(digest)) {
      for (const image of [first, ...others]) {
        out.add(image);
        left_out.push({ name: image.name, why: "it is a golden image itself, or a copy of one" });
      }
      continue;
    }
    if (first === undefined || others.length === 0) continue;
    const contradicts = others.some(({ label }) => label !== first.label);
    for (const image of contradicts ? [first, ...others] : others) {
      out.add(image);
      const why = contradicts ? `the same image has other labels too (${first.name})` : `a copy of ${first.name}`;
      left_out.push({ name: image.name, why });
    }
  }
  return { images: images.filter((image) => !out.has(image)), left_out };
}

export type Together = {
  /** The name of the group that a board belongs to. */
  readonly groupOf: (board: string) => string;
  /** Pairs of images of different boards that look alike, by name. */
  readonly alike: readonly (readonly [string, string])[];
};

/**
 * Joins boards whose images are nearly the same, as two exposures or a saved copy are: they must not be told apart by
 * the split. Where that would join most boards, they only look alike: nothing is joined.
 */
export async function joinAlike(
  images: readonly { readonly path: string; readonly name: string; readonly board: string }[],
) {
  const sketches = await openContents().sketches(await seenFiles(images.map(({ path }) => path)), "whole");
  const likely: { readonly at: number; readonly others: number[] }[] = [];
  for (const [at, sketch] of sketches.entries()) {
    const others: number[] = [];
    for (let other = 0; sketch !== undefined && other < at; other++) {
      const held = sketches[other];
      const isOther = images[other]?.board !== images[at]?.board;
      if (held !== undefined && isOther && possibleLikeness(held, sketch, "whole") !== undefined) others.push(other);
    }
    if (others.length > 0) likely.push({ at, others });
  }
  const pathAt = (at: number) => images[at]?.path ?? "";
  const compared = await compareImages(
    likely.map(({ at, others }) => ({ path: pathAt(at), held: others.map(pathAt), copies: others.length })),
  );
  const found = compared.flatMap((match, row) => {
    const [one, other] = [likely[row]?.at, match && likely[row]?.others[match.held]];
    return one === undefined || other === undefined ? [] : [[images[one], images[other]] as const];
  });
  return togetherOf(images, found);
}

type Named = { readonly name: string; readonly board: string };

function togetherOf(
  images: readonly Named[],
  found: readonly (readonly [Named | undefined, Named | undefined])[],
): Together {
  const parents = new Map<string, string>();
  const rootOf = (board: string): string => {
    const parent = parents.get(board);
    return parent === undefined ? board : rootOf(parent);
  };
  for (const [one, other] of found) {
    const [a, b] = [rootOf(one?.board ?? ""), rootOf(other?.board ?? "")];
    if (a !== b) parents.set(a, b);
  }
  const boards = new Set(images.map(({ board }) => board));
  const sizes = new Map<string, number>();
  for (const board of boards) sizes.set(rootOf(board), (sizes.get(rootOf(board)) ?? 0) + 1);
  const isMost = Math.max(0, ...sizes.values()) > boards.size / 4;
  const alike = found.map(([one, other]) => [one?.name ?? "", other?.name ?? ""] as const);
  return { groupOf: isMost ? (board) => board : rootOf, alike };
}
