import { basename, dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { canonicalJson, sha256 } from "../fs/hash.ts";
import { type FileStart, lookAt, lookAtSync, readHead, readHeadSync } from "../fs/head.ts";
import { createFileNumbers, type FileNumbers, type NameParts } from "./file-numbers.ts";
import { createFileStats } from "./file-stats.ts";
import { countUp } from "./headway.ts";
import { type ImageFormat, imageHeader } from "./image-header.ts";
import { keptOfFiles, type SeenFiles } from "./kept-files.ts";
import { keptAnswer } from "./kept-images.ts";
import { widened } from "./number-list.ts";
import { inTurns } from "./pause.ts";
import { wakeLane } from "./process/lanes.ts";

/** `deep`: gray of more than eight bits. */
export type SeenFormat = ImageFormat | "deep png" | "deep tiff";

export type ImageState = "unknown" | "ok" | "missing" | "bad" | "unreadable";

/**
 * Image files by number. Two spellings of one file, through other directories, `..` or links, have one identity.
 */
export type ImageIndex = Omit<FileNumbers, "directoryExists"> & {
  /** Takes a stat of every file that has none yet: is it there, is it a link, how long is it, when was it changed. */
  look(signal?: AbortSignal): Promise<void>;
  /** `look`, and whether each file is an image. */
  probe(signal?: AbortSignal): Promise<void>;
  stateOf(image: number): ImageState;
  /** The format of an image that is `ok`. Meaningful after `probe`. */
  formatOf(image: number): SeenFormat | undefined;
  /** The number of the file behind the links; equal for equal files. Meaningful after `look`. */
  identityOf(image: number): number;
  /** Whether a file is there behind the links, image or not. Meaningful after `look`. */
  isThere(image: number): boolean;
  /** Length of the file behind the links, and what hard links of it have in common. Meaningful after `look`. */
  factsOf(image: number): { readonly size_bytes: number; readonly inode: string };
  /** What tells files, themselves and not what links lead to, from themselves before they were touched; see `createFileStats`. */
  stampsOf(images: readonly number[]): Float64Array;
  /**
   * A digest of the paths, sizes, times and inodes of all files looked at: equal ones mean that nobody touched any. It is
   * undefined where one could not be read, or was written so short ago that it may be again with the same times.
   */
  seen(): string | undefined;
};

const headBytes = 1024;
/** Files between two looks at the clock: about 2 ms on a warm cache, so that a server keeps answering. */
const sliceSize = 500;
const requestsAtOnce = 32;
/** One slow slice may be a busy machine; several in a row are a slow file system. */
const slowSlices = 3;

/**
 * A file system that needs longer than `slowMsPerFile` for one file gains from several requests at once. Memory: 44 bytes
 * a file that is there beside those of its name.
 */
export function createImageIndex(parts: NameParts = {}, slowMsPerFile = 0.2): ImageIndex {
  const files = createFileNumbers(parts);
  const stats = createFileStats(files);
  const results = createResults(files, stats.targetOf);
  let [looked, probed] = [0, 0];
  const work = { slowMsPerFile, most: sliceSize };

  const look = async (signal?: AbortSignal) => {
    // The target of a link is one more file.
    for (let from = looked; from < files.size(); from = looked) {
      looked = files.size();
      const now = (image: number) =>
        stats.settle(image, files.directoryExists(image) ? lookAtSync(files.pathOf(image)) : "absent");
      const later = async (image: number) =>
        stats.settle(image, files.directoryExists(image) ? await lookAt(files.pathOf(image)) : "absent");
      await inSlices({ ...work, from, to: looked, what: "images found", now, later, signal });
    }
    stats.followLinks();
    await stats.digestUpTo(looked, signal);
  };
  const readHeads = async (images: readonly number[], signal?: AbortSignal) => {
    const now = (at: number) => {
      const [image, bytes] = [images[at] ?? -1, new Uint8Array(headBytes)];
      results.judge(image, readHeadSync(files.pathOf(image), bytes), bytes);
    };
    const later = async (at: number) => {
      const [image, bytes] = [images[at] ?? -1, new Uint8Array(headBytes)];
      results.judge(image, await readHead(files.pathOf(image), bytes), bytes);
    };
    await inSlices({ ...work, from: 0, to: images.length, what: "images looked at", now, later, signal });
    return images.map(results.sureCodeOf);
  };
  /** What is there and no link; the heads of files that nobody touched are known. */
  const probeFrom = async (first: number, signal?: AbortSignal) => {
    const images: number[] = [];
    for (let image = first; image < looked; image++) if (stats.isThere(image)) images.push(image);
    // Some of them are new, and decoded next.
    if (images.length > 0) await wakeLane();
    const known = await keptOfFiles("head", { index, images }, (some) => readHeads(some, signal));
    for (const [at, code] of known.entries()) if (code !== undefined) results.setCode(images[at] ?? -1, code);
    return results.isSure() ? results.codes(first, looked) : undefined;
  };
  const index: ImageIndex = {
    ...files,
    stampsOf: stats.stampsOf,
    stateOf: results.stateOf,
    formatOf: results.formatOf,
    identityOf: stats.targetOf,
    isThere: (image) => stats.isThere(stats.targetOf(image)),
    factsOf: (image) => stats.factsOf(stats.targetOf(image)),
    seen: () => (results.isSure() ? stats.seen() : undefined),
    look,
    async probe(signal) {
      await look(signal);
      if (probed === looked) return;
      const first = probed;
      const settle = (at: number): void => results.set(first + at, stats.stateOf(first + at));
      await inTurns(looked - first, settle, signal);
      const kept = await keptAnswer("heads", stats.seen(), () => probeFrom(probed, signal));
      if (kept !== undefined) results.take(probed, kept);
      probed = looked;
    },
  };
  return index;
}

/** Files in an index of their own that looked at them, each by what its links lead to. */
export async function seenFiles(paths: readonly string[]): Promise<SeenFiles> {
  const index = createImageIndex();
  const images = paths.map((path) => index.numberOf(dirname(path), basename(path)));
  await index.look();
  return { index, images: images.map(index.identityOf) };
}

/** All that an answer on the images of an index rests on, with what else it does; undefined like `seen`. */
export function questionOf({ seen }: Pick<ImageIndex, "seen">, others: unknown): string | undefined {
  const files = seen();
  return files === undefined ? undefined : sha256(canonicalJson([files, others]));
}

type Sliced = {
  readonly from: number;
  readonly to: number;
  readonly most: number;
  readonly slowMsPerFile: number;
  readonly what: string;
  /** What is done of one file, blocking or not. */
  readonly now: (image: number) => void;
  readonly later: (image: number) => Promise<void>;
  readonly signal: AbortSignal | undefined;
};

async function inSlices({ from: first, to: end, most, slowMsPerFile, what, now, later, signal }: Sliced) {
  let slowInARow = 0;
  const tell = countUp(what, end - first);
  for (let from = first; from < end; from += most) {
    signal?.throwIfAborted();
    const to = Math.min(end, from + most);
    const started = performance.now();
    if (slowInARow >= slowSlices) await severalAtOnce(from, to, later);
    else {
      for (let image = from; image < to; image++) now(image);
      const msPerFile = (performance.now() - started) / (to - from);
      slowInARow = msPerFile > slowMsPerFile ? slowInARow + 1 : 0;
    }
    tell(to - from);
    await setImmediate();
  }
}

async function severalAtOnce(from: number, to: number, work: Sliced["later"]): Promise<void> {
  for (let first = from; first < to; first += requestsAtOnce) {
    const images = Array.from({ length: Math.min(requestsAtOnce, to - first) }, (_, at) => first + at);
    await Promise.all(images.map(work));
  }
}

const states: readonly ImageState[] = ["unknown", "ok", "missing", "bad", "unreadable"];
const formats: readonly SeenFormat[] = ["jpeg", "png", "bmp", "tiff", "webp", "deep png", "deep tiff"];

/** What was seen of each file, in a byte. */
function createResults(files: FileNumbers, targetOf: (image: number) => number) {
  /** States, and behind them the formats of what is `ok`. */
  let codes = new Uint8Array(1024);
  let sure = true;
  const set = (image: number, seen: ImageState | SeenFormat) => {
    const state = states.indexOf(seen as ImageState);
    if (image >= codes.length) codes = widened(codes, Math.max(files.size(), 2 * codes.length));
    codes[image] = state >= 0 ? state : states.length + formats.indexOf(seen as SeenFormat);
    if (seen === "unreadable") sure = false;
  };
  return {
    set,
    stateOf: (image: number) => states[codes[targetOf(image)] ?? 0] ?? "ok",
    formatOf: (image: number) => formats[(codes[targetOf(image)] ?? 0) - states.length],
    judge: (image: number, head: FileStart, bytes: Uint8Array) =>
      set(image, judgeHead(head, bytes, files.pathOf(image))),
    /** False where a file could not be read, which may be otherwise the next time. */
    isSure: () => sure,
    codes: (from: number, to: number) => codes.slice(from, to),
    /** What is kept of a file; undefined for one that could not be read. */
    sureCodeOf: (image: number) => (states[codes[image] ?? 0] === "unreadable" ? undefined : codes[image]),
    setCode: (image: number, code: number): void => {
      codes[image] = code;
    },
    take: (from: number, known: ArrayLike<number>) => codes.set(known, from),
  };
}

function judgeHead(head: FileStart, bytes: Uint8Array, path: string): ImageState | SeenFormat {
  if (head === "absent") return "missing";
  // A link was exchanged for the file that was looked at.
  if (head === "unreadable" || head === "link") return "unreadable";
  const further = (position: number) => {
    const more = new Uint8Array(headBytes);
    const count = readHeadSync(path, more, position);
    return more.subarray(0, typeof count === "number" ? count : 0);
  };
  const found = imageHeader(bytes.subarray(0, head), further);
  if (found === undefined) return "bad";
  return found.deep && (found.format === "png" || found.format === "tiff") ? `deep ${found.format}` : found.format;
}
