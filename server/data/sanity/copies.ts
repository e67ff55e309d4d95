import type { ImageIndex } from "../image-index.ts";
import { createNumberSet, type NumberColumn } from "../number-list.ts";
import { inTurns } from "../pause.ts";
import { digestImages } from "../process/image-batches.ts";

/** Which images are the same: `imageOf` gives equal numbers for one file under several names and for copies of its bytes. */
export type Copies = { imageOf(image: number): number };

/**
 * Finds hard links by their inode and copies by their bytes, of however many images; only files of equal size are read,
 * each once in its life.
 *
 * @throws Refusal `input.unreadable-file`, or the reason of the signal.
 */
export async function findCopies(
  images: readonly NumberColumn[],
  index: ImageIndex,
  signal?: AbortSignal,
): Promise<Copies> {
  const same = new Map<number, number>();
  const groups = [...(await bySize(images, index, signal))].map((group) => withoutLinks(group, index, same));
  const alike = groups.filter((group) => group.length > 1);
  const digests = await digestImages({ index, images: alike.flat() }, signal);
  let at = 0;
  for (const group of alike) {
    const first = new Map<string, number>();
    for (const file of group) {
      const digest = digests[at++] ?? "";
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
  return { imageOf };
}

/** The files of equal size, each once. */
async function bySize(images: readonly NumberColumn[], index: ImageIndex, signal: AbortSignal | undefined) {
  const seen = createNumberSet(index.size());
  const groups = new Map<number, number[]>();
  for (const some of images) {
    const take = (at: number): void => {
      const file = index.identityOf(some.at(at));
      if (!seen.add(file) || index.stateOf(file) !== "ok") return;
      const { size_bytes } = index.factsOf(file);
      const group = groups.get(size_bytes);
      if (group === undefined) groups.set(size_bytes, [file]);
      else group.push(file);
    };
    await inTurns(some.length, take, signal);
  }
  return groups.values();
}

/** Notes hard links in `same`; the files that are left. */
function withoutLinks(group: readonly number[], index: ImageIndex, same: Map<number, number>): readonly number[] {
  if (group.length === 1) return group;
  const byInode = new Map<string, number>();
  for (const file of group) {
    const { inode } = index.factsOf(file);
    const known = byInode.get(inode);
    if (known === undefined) byInode.set(inode, file);
    else same.set(file, known);
  }
  return [...byInode.values()];
}
