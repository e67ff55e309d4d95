import { setImmediate } from "node:timers/promises";
import { type FileStart, readHead, readHeadSync, realPathIfPresent } from "../fs/head.ts";
import { normalPath } from "../run/images.ts";
import { countUp } from "./headway.ts";
import { type ImageFormat, imageHeader } from "./image-header.ts";
import { widened } from "./number-list.ts";
import { createTextTable } from "./text-table.ts";

/** `deep`: gray of more than eight bits. */
export type SeenFormat = ImageFormat | "deep png" | "deep tiff";

export type ImageState = "unknown" | "ok" | "missing" | "bad" | "unreadable";

/**
 * Image files by number. Two spellings of one file, through other directories, `..` or links, have one identity.
 */
export type ImageIndex = Omit<FileNumbers, "directoryExists"> & {
  /** Looks at every file not looked at yet: is it there, is it an image, is it a link. */
  probe(signal?: AbortSignal): Promise<void>;
  stateOf(image: number): ImageState;
  /** The format of an image that is `ok`. Meaningful after `probe`. */
  formatOf(image: number): SeenFormat | undefined;
  /** The number of the file behind the links; equal for equal files. Meaningful after `probe`. */
  identityOf(image: number): number;
};

const headBytes = 1024;
/** Files between two looks at the clock: about 2 ms on a warm cache, so that a server keeps answering. */
const sliceSize = 500;
const requestsAtOnce = 32;
/** One slow slice may be a busy machine; several in a row are a slow file system. */
const slowSlices = 3;

/** A file system that needs longer than `slowMsPerFile` for one file gains from several requests at once. */
export function createImageIndex(slowMsPerFile = 0.2): ImageIndex {
  const files = createFileNumbers();
  const results = createResults(files);
  let probed = 0;

  return {
    ...files,
    stateOf: results.stateOf,
    formatOf: results.formatOf,
    identityOf: results.identityOf,
    async probe(signal) {
      let slowInARow = 0;
      const tell = countUp("images looked at", files.size() - probed);
      while (probed < files.size()) {
        signal?.throwIfAborted();
        const from = probed;
        const to = Math.min(files.size(), from + sliceSize);
        const started = performance.now();
        if (slowInARow >= slowSlices) await lookSlowly(files, results, from, to);
        else {
          look(files, results, from, to);
          const msPerFile = (performance.now() - started) / (to - from);
          slowInARow = msPerFile > slowMsPerFile ? slowInARow + 1 : 0;
        }
        probed = to;
        tell(to - from);
        await setImmediate();
      }
    },
  };
}

type Results = ReturnType<typeof createResults>;

function look(files: FileNumbers, results: Results, from: number, to: number): void {
  const bytes = new Uint8Array(headBytes);
  for (let image = from; image < to; image++) {
    if (results.needsLook(image)) results.settle(image, readHeadSync(files.pathOf(image), bytes), bytes);
  }
}

async function lookSlowly(files: FileNumbers, results: Results, from: number, to: number): Promise<void> {
  const waiting: Promise<void>[] = [];
  for (let image = from; image < to; image++) {
    if (!results.needsLook(image)) continue;
    const bytes = new Uint8Array(headBytes);
    waiting.push(readHead(files.pathOf(image), bytes).then((head) => results.settle(image, head, bytes)));
    if (waiting.length >= requestsAtOnce) await Promise.all(waiting.splice(0));
  }
  await Promise.all(waiting);
}

const states: readonly ImageState[] = ["unknown", "ok", "missing", "bad", "unreadable"];
const formats: readonly SeenFormat[] = ["jpeg", "png", "bmp", "tiff", "webp", "deep png", "deep tiff"];

/** What was seen of each file; the target of a link is numbered too and looked at in its turn. */
function createResults(files: FileNumbers) {
  /** States, and behind them the formats of what is `ok`. */
  let codes = new Uint8Array(1024);
  const targets = new Map<number, number>();
  const set = (image: number, seen: ImageState | SeenFormat) => {
    const state = states.indexOf(seen as ImageState);
    if (image >= codes.length) codes = widened(codes, Math.max(files.size(), 2 * codes.length));
    codes[image] = state >= 0 ? state : states.length + formats.indexOf(seen as SeenFormat);
  };
  const identityOf = (image: number) => targets.get(image) ?? image;
  return {
    identityOf,
    stateOf: (image: number) => states[codes[identityOf(image)] ?? 0] ?? "ok",
    formatOf: (image: number) => formats[(codes[identityOf(image)] ?? 0) - states.length],
    /** Nothing is in a directory that does not exist. */
    needsLook(image: number): boolean {
      if (files.directoryExists(image)) return true;
      set(image, "missing");
      return false;
    },
    settle(image: number, head: FileStart, bytes: Uint8Array): void {
      if (head !== "link") {
        set(image, judgeHead(head, bytes, files.pathOf(image)));
        return;
      }
      const real = realPathIfPresent(files.pathOf(image));
      if (real === undefined) {
        set(image, "missing");
        return;
      }
      const slash = real.lastIndexOf("/");
      targets.set(image, files.numberOf(real.slice(0, slash) || "/", real.slice(slash + 1)));
    },
  };
}

function judgeHead(head: Exclude<FileStart, "link">, bytes: Uint8Array, path: string): ImageState | SeenFormat {
  if (head === "absent") return "missing";
  if (head === "unreadable") return "unreadable";
  const further = (position: number) => {
    const more = new Uint8Array(headBytes);
    const count = readHeadSync(path, more, position);
    return more.subarray(0, typeof count === "number" ? count : 0);
  };
  const found = imageHeader(bytes.subarray(0, head), further);
  if (found === undefined) return "bad";
  return found.deep && (found.format === "png" || found.format === "tiff") ? `deep ${found.format}` : found.format;
}

/** Files by number, in the order of their first mention; other spellings of a directory give the same numbers. */
type FileNumbers = {
  /** The number of the file `name` in the absolute directory; `name` may hold slashes. */
  numberOf(directory: string, name: string): number;
  /** The real path of the file's directory, or its normal spelling when there is none. */
  directoryOf(file: number): string;
  directoryExists(file: number): boolean;
  pathOf(file: number): string;
  size(): number;
};

/** Numbers files without looking at them; each directory is resolved once. */
function createFileNumbers(): FileNumbers {
  const bySpelling = new Map<string, number>();
  const byPath = new Map<string, number>();
  const directories: { readonly path: string; readonly exists: boolean }[] = [];
  /** Names in the group of their directory. */
  const names = createTextTable();

  const directoryAt = (spelling: string): number => {
    const known = bySpelling.get(spelling);
    if (known !== undefined) return known;
    const real = realPathIfPresent(spelling);
    const path = real ?? normalPath(spelling);
    const number = byPath.get(path) ?? directories.push({ path, exists: real !== undefined }) - 1;
    byPath.set(path, number);
    bySpelling.set(spelling, number);
    return number;
  };
  const directoryOf = (file: number) => directories[names.groupOf(file)]?.path ?? "";

  return {
    numberOf(directory, name) {
      const slash = name.lastIndexOf("/");
      if (slash < 0) return names.numberOf(name, directoryAt(directory));
      return names.numberOf(name.slice(slash + 1), directoryAt(`${directory}/${name.slice(0, slash)}`));
    },
    directoryOf,
    directoryExists: (file) => directories[names.groupOf(file)]?.exists === true,
    pathOf: (file) => `${directoryOf(file) === "/" ? "" : directoryOf(file)}/${names.at(file)}`,
    size: names.size,
  };
}
