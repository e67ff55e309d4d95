import { setImmediate } from "node:timers/promises";
import { type Head, readHead, readHeadSync, realPathIfPresent } from "../fs/head.ts";
import { imageHeader } from "./image-header.ts";
import { normalPath } from "./images.ts";

export type ImageState = "unknown" | "ok" | "missing" | "bad" | "unreadable";

/**
 * Image files by number. Two spellings of one file, through other directories, `..` or links, have one identity.
 */
export type ImageIndex = {
  /** The number of the file `name` in the absolute directory; `name` may hold slashes. */
  numberOf(directory: string, name: string): number;
  /** Looks at every file not looked at yet: is it there, is it an image, is it a link. */
  probe(signal?: AbortSignal): Promise<void>;
  stateOf(image: number): ImageState;
  /** The number of the file behind the links; equal for equal files. Meaningful after `probe`. */
  identityOf(image: number): number;
  /** The real path as far as the directory exists. */
  pathOf(image: number): string;
  /** The directory part of `pathOf`. */
  directoryOf(image: number): string;
  /** How many files are numbered, from 0. */
  size(): number;
};

type Directory = { readonly path: string; readonly exists: boolean; readonly files: Map<string, number> };

const states: readonly ImageState[] = ["unknown", "ok", "missing", "bad", "unreadable"];
const headBytes = 1024;
/** Files between two looks at the clock: about 5 ms on a warm cache, so that a server keeps answering. */
const sliceSize = 2000;
/** A file system that needs longer than this for one file gains from several requests at once. */
const slowMsPerFile = 0.2;
const requestsAtOnce = 32;

export function createImageIndex(): ImageIndex {
  const bySpelling = new Map<string, Directory>();
  const byRealPath = new Map<string, Directory>();
  const names: string[] = [];
  const directories: Directory[] = [];
  const stateCodes: number[] = [];
  const targets = new Map<number, number>();
  let probed = 0;

  const directoryAt = (spelling: string): Directory => {
    const known = bySpelling.get(spelling);
    if (known !== undefined) return known;
    const real = realPathIfPresent(spelling);
    const path = real ?? normalPath(spelling);
    const directory = byRealPath.get(path) ?? { path, exists: real !== undefined, files: new Map() };
    byRealPath.set(path, directory);
    bySpelling.set(spelling, directory);
    return directory;
  };
  const numberIn = (directory: Directory, name: string): number => {
    const known = directory.files.get(name);
    if (known !== undefined) return known;
    const number = names.length;
    directory.files.set(name, number);
    names.push(name);
    directories.push(directory);
    stateCodes.push(0);
    return number;
  };
  const numberOf = (directory: string, name: string): number => {
    const slash = name.lastIndexOf("/");
    if (slash < 0) return numberIn(directoryAt(directory), name);
    return numberIn(directoryAt(`${directory}/${name.slice(0, slash)}`), name.slice(slash + 1));
  };
  const pathOf = (image: number) => joined(directories[image]?.path ?? "", names[image] ?? "");
  const follow = (image: number): number => {
    const real = realPathIfPresent(pathOf(image));
    if (real === undefined) return image;
    const slash = real.lastIndexOf("/");
    const target = numberOf(real.slice(0, slash) || "/", real.slice(slash + 1));
    targets.set(image, target);
    return target;
  };
  const settle = (image: number, head: Head, bytes: Uint8Array) => {
    if (head === "link") {
      // The target has a number of its own and its turn comes, if it has not been.
      if (follow(image) === image) stateCodes[image] = states.indexOf("missing");
      return;
    }
    stateCodes[image] = states.indexOf(judgeHead(head, bytes, pathOf(image)));
  };
  const probeSlice = async (to: number, slow: boolean) => {
    const waiting: Promise<void>[] = [];
    for (; probed < to; probed++) {
      const image = probed;
      if (directories[image]?.exists === false) {
        stateCodes[image] = states.indexOf("missing");
      } else if (slow) {
        const bytes = new Uint8Array(headBytes);
        waiting.push(readHead(pathOf(image), bytes).then((head) => settle(image, head, bytes)));
        if (waiting.length >= requestsAtOnce) await Promise.all(waiting.splice(0));
      } else {
        settle(image, readHeadSync(pathOf(image), scratch), scratch);
      }
    }
    await Promise.all(waiting);
  };
  const scratch = new Uint8Array(headBytes);
  const stateOf = (image: number) => states[stateCodes[targets.get(image) ?? image] ?? 0] ?? "unknown";

  return {
    numberOf,
    pathOf,
    directoryOf: (image) => directories[image]?.path ?? "",
    size: () => names.length,
    stateOf,
    identityOf: (image) => targets.get(image) ?? image,
    async probe(signal) {
      let slow = false;
      while (probed < names.length) {
        signal?.throwIfAborted();
        const from = probed;
        const started = performance.now();
        await probeSlice(Math.min(names.length, probed + (slow ? sliceSize : sliceFor(from))), slow);
        slow ||= (performance.now() - started) / (probed - from) > slowMsPerFile;
        await setImmediate();
      }
    },
  };
}

/** The first slice is short, so that a slow file system is noticed early. */
function sliceFor(from: number): number {
  return from === 0 ? 50 : sliceSize;
}

function judgeHead(head: Head, bytes: Uint8Array, path: string): ImageState {
  if (head === "absent") return "missing";
  if (typeof head === "string") return "unreadable";
  const further = (position: number) => {
    const more = new Uint8Array(headBytes);
    const count = readHeadSync(path, more, position);
    return more.subarray(0, typeof count === "number" ? count : 0);
  };
  return imageHeader(bytes.subarray(0, head), further) === undefined ? "bad" : "ok";
}

function joined(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}
