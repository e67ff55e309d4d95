import type { ImageIndex } from "../image-index.ts";
import { digestImages } from "../process/image-batches.ts";

/** Images beyond this are told apart by file alone: looking at each would hold up a preflight. */
const copyLimit = 200_000;

/** Which images are the same: `imageOf` gives equal numbers for one file under several names and for copies of its bytes. */
export type Copies = {
  imageOf(image: number): number;
  /** False when there were too many images to look for copies. */
  readonly complete: boolean;
};

/**
 * Finds hard links by their inode and copies by their bytes; only files of equal size are read.
 *
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function findCopies(
  images: readonly Iterable<number>[],
  index: ImageIndex,
  signal?: AbortSignal,
): Promise<Copies> {
  const files = new Set<number>();
  for (const some of images) {
    for (const image of some) {
      const file = index.identityOf(image);
      // One more than is looked at tells that there are too many.
      if (files.size <= copyLimit && index.stateOf(file) === "ok") files.add(file);
    }
  }
  const same = new Map<number, number>();
  const complete = files.size <= copyLimit;
  if (complete) {
    const alike = byInodeAndSize(files, index, same);
    const digests = await digestImages({ index, images: alike }, signal);
    const first = new Map<string, number>();
    for (const [at, file] of alike.entries()) {
      const digest = digests[at] ?? "";
      const known = first.get(digest);
      if (known === undefined) first.set(digest, file);
      else same.set(file, known);
    }
  }
  const imageOf = (image: number): number => {
    const file = index.identityOf(image);
    const linked = same.get(file) ?? file;
    return same.get(linked) ?? linked;
  };
  return { imageOf, complete };
}

/** Notes hard links in `same`; the files that are left and have a size in common with another. */
function byInodeAndSize(files: Iterable<number>, index: ImageIndex, same: Map<number, number>): number[] {
  const byInode = new Map<string, number>();
  const bySize = new Map<number, number[]>();
  for (const file of files) {
    const { inode, size_bytes } = index.factsOf(file);
    const known = byInode.get(inode);
    if (known !== undefined) {
      same.set(file, known);
      continue;
    }
    byInode.set(inode, file);
    const group = bySize.get(size_bytes);
    if (group === undefined) bySize.set(size_bytes, [file]);
    else group.push(file);
  }
  return [...bySize.values()].filter((group) => group.length > 1).flat();
}
