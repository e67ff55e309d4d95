import { createHash } from "node:crypto";
import { type Look, linkTarget, realPathIfPresent } from "../fs/head.ts";
import { isSettled } from "../fs/stamp.ts";
import type { FileNumbers } from "./file-numbers.ts";
import { createNumberList, createSparseList, widened } from "./number-list.ts";
import { pausing } from "./pause.ts";

/** Numbers of a file: its kind and device, length, two times and inode. */
const width = 5;
const kindBits = 0o170000;
const kinds = { absent: 0, link: 0o120000 } as const;
/** Stands for the kind of what could not be looked at. */
const unreadable = kindBits;
/** As many links in a row as the system follows. */
const mostHops = 40;
/** Files of one update of the digest. */
const portionSize = 512;

/**
 * A stat of each file that is there, 44 bytes, and where links lead: the target is numbered too and gets its own. The
 * directory of a target is resolved once for all links into it; a link that leads to another is followed when all have
 * been looked at.
 */
export function createFileStats(files: FileNumbers) {
  let numbers = new Float64Array(1024 * width);
  /** Where the numbers of a file are; the first of them are those of every file that is absent. */
  const places = createNumberList();
  let filled = 1;
  const targets = createSparseList();
  /** Links that were found since they were followed last. */
  let links: number[] = [];
  let [settled, digested, digest] = [true, 0, ""];
  const stampsOf = (images: readonly number[]): Float64Array => {
    const stamps = new Float64Array(width * images.length);
    let to = 0;
    for (const image of images) {
      const from = placeOf(image);
      for (let at = 0; at < width; at++) stamps[to++] = numbers[from + at] as number;
    }
    return stamps;
  };
  const placeOf = (image: number): number => width * (image < places.length ? places.at(image) : 0);
  const kindOf = (image: number): number => (numbers[placeOf(image)] as number) % (kindBits + 1);
  const targetOf = (image: number): number => {
    const target = targets.at(image);
    return target < 0 ? image : target;
  };

  const set = (image: number, values: readonly number[]): void => {
    while (places.length <= image) places.push(0);
    if (width * (filled + 1) > numbers.length) numbers = widened(numbers, 2 * numbers.length);
    numbers.set(values, width * filled);
    places.set(image, filled++);
  };
  const isThere = (image: number): boolean => ![kinds.absent, kinds.link, unreadable].includes(kindOf(image));
  const follow = (image: number): void => {
    const path = files.pathOf(image);
    const target = linkTarget(path, files.directoryOf(image)) ?? realPathIfPresent(path);
    links.push(image);
    if (target === undefined) return;
    const slash = target.lastIndexOf("/");
    targets.set(image, files.numberOf(target.slice(0, slash) || "/", target.slice(slash + 1)));
  };
  const endOf = (link: number): number | undefined => {
    let end = link;
    for (let hops = 0; hops < mostHops && targets.at(end) >= 0; hops++) end = targetOf(end);
    return isThere(end) ? end : undefined;
  };
  return {
    targetOf,
    settle(image: number, found: Look): void {
      if (typeof found === "string") {
        if (found !== "absent") set(image, [unreadable]);
        return;
      }
      const { mode, dev, size, mtimeMs, ctimeMs, ino } = found;
      const isOld = isSettled(ctimeMs);
      set(image, [dev * (kindBits + 1) + (mode & kindBits), size, mtimeMs, isOld ? ctimeMs : Number.NaN, ino]);
      settled &&= isOld;
      if ((mode & kindBits) === kinds.link) follow(image);
    },
    /** To be called when every file and every target has been looked at: links that lead nowhere are absent. */
    followLinks(): void {
      const ends = links.map(endOf);
      for (const [at, link] of links.entries()) {
        const end = ends[at];
        if (end !== undefined) {
          targets.set(link, end);
          continue;
        }
        targets.set(link, -1);
        places.set(link, 0);
      }
      links = [];
    },
    /** What the stat alone says of a file; one that is there may be an image or not. */
    stateOf(image: number): "missing" | "unreadable" | "unknown" {
      const kind = kindOf(image);
      return kind === kinds.absent ? "missing" : kind === unreadable ? "unreadable" : "unknown";
    },
    /** Whether something stands there that is no link. */
    isThere,
    factsOf(image: number): { readonly size_bytes: number; readonly inode: string } {
      const at = placeOf(image);
      return { size_bytes: numbers[at + 1] ?? 0, inode: `${numbers[at]}:${numbers[at + 4]}` };
    },
    /**
     * The numbers of files, one behind the other: equal ones mean that nobody touched it. One that was changed so short ago
     * that it may be again unseen has a NaN among them, which equals nothing.
     */
    stampsOf,
    /** Adds the files before `end` that are not in the digest yet. @throws the reason of the signal. */
    async digestUpTo(end: number, signal?: AbortSignal): Promise<void> {
      if (end <= digested) return;
      const hash = createHash("sha256").update(digest);
      const pause = pausing(1);
      for (let from = digested; from < end; from += portionSize) {
        const images = Array.from({ length: Math.min(portionSize, end - from) }, (_, at) => from + at);
        hash.update(images.map((image) => `${files.pathOf(image)}\0${targetOf(image)}`).join("\0"));
        hash.update(new Uint8Array(stampsOf(images).buffer));
        if (pause.isDue()) await pause.rest(signal);
      }
      [digested, digest] = [end, hash.digest("hex")];
    },
    /** The digest of the files that were added; undefined while one was changed so short ago that it may be again unseen. */
    seen: (): string | undefined => (settled ? digest : undefined),
  };
}
