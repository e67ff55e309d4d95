import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { writeAtomic } from "../fs/atomic.ts";
import { parseJson } from "../fs/json.ts";
import { readTextIfPresent } from "../fs/read.ts";
import { stampOf } from "../fs/stamp.ts";
import { sketchImages } from "./process/image-batches.ts";
import type { Depth, Sketch } from "./sketch.ts";

/** Sketches of images, each made once. */
export type Contents = {
  /** A sketch of each image, or undefined for one that cannot be decoded. @throws Refusal `input.unreadable-file`. */
  sketches(paths: readonly string[], depth: Depth, signal?: AbortSignal): Promise<(Sketch | undefined)[]>;
  /** Sketches that had to be made, not found. */
  decoded(): number;
  /** Keeps what was made for the next call, if there is a place for it. */
  save(): Promise<void>;
};

/** `null` stands for an image that cannot be decoded. */
type Kept = { readonly stamp: string; head?: Sketch | null; whole?: Sketch | null };

type Sketched = Map<string, Kept>;

/** What this process made, for whatever was asked: a preflight, the approval after it and the run look at the same files. */
const madeHere: Sketched = new Map();
const madeHereLimit = 300_000;

/** Images between two pauses: the server goes on answering. */
const sliceSize = 500;

/**
 * Contents with a cache file, or with the memory of this process alone. An entry counts only for a file of the same
 * size, times and inode; a cache that is not what was written, by its last line, is an empty one.
 */
export async function openContents(cachePath?: string, memory: Sketched = madeHere): Promise<Contents> {
  const known: Sketched = cachePath === undefined ? new Map() : await readCache(cachePath);
  let decoded = 0;
  let fresh = 0;
  const entryOf = (path: string): Kept => {
    const stamp = stampOf(path);
    const [own, remembered] = [known.get(path), memory.get(path)];
    if (own?.stamp === stamp) return own;
    fresh++;
    const entry = remembered?.stamp === stamp ? remembered : { stamp };
    known.set(path, entry);
    return entry;
  };
  return {
    decoded: () => decoded,
    async sketches(paths, depth, signal) {
      const missing: { readonly path: string; readonly entry: Kept }[] = [];
      await inSlices(paths, (path) => {
        const entry = entryOf(path);
        if (entry[depth] === undefined) missing.push({ path, entry });
      });
      const made = await sketchImages(
        missing.map(({ path }) => path),
        depth,
        signal,
      );
      for (const [at, { path, entry }] of missing.entries()) {
        entry[depth] = made[at] ?? null;
        remember(memory, path, entry);
      }
      decoded += missing.length;
      fresh += missing.length;
      return paths.map((path) => known.get(path)?.[depth] ?? undefined);
    },
    async save() {
      if (cachePath === undefined || fresh === 0) return;
      await writeAtomic(cachePath, linesOf(known));
      fresh = 0;
    },
  };
}

/** The oldest entries go first. */
function remember(memory: Sketched, path: string, entry: Kept): void {
  memory.delete(path);
  memory.set(path, entry);
  if (memory.size <= madeHereLimit) return;
  const [oldest] = memory.keys();
  if (oldest !== undefined) memory.delete(oldest);
}

async function inSlices<T>(items: readonly T[], work: (item: T) => void): Promise<void> {
  for (let at = 0; at < items.length; at++) {
    work(items[at] as T);
    if (at % sliceSize === sliceSize - 1) await setImmediate();
  }
}

async function readCache(path: string): Promise<Map<string, Kept>> {
  const known = new Map<string, Kept>();
  const lines = ((await readTextIfPresent(path)) ?? "").split("\n");
  const hash = createHash("sha256");
  const seal = lines.at(-1);
  await inSlices(lines.slice(0, -1), (line) => {
    hash.update(`${line}\n`);
    const [image, stamp, head, whole] = cellsOf(line);
    if (typeof image !== "string" || typeof stamp !== "string") return;
    const kept: Kept = { stamp };
    const [first, all] = [sketchFrom(head), sketchFrom(whole)];
    if (first !== undefined) kept.head = first;
    if (all !== undefined) kept.whole = all;
    known.set(image, kept);
  });
  return seal === hash.digest("hex") ? known : new Map();
}

function* linesOf(known: ReadonlyMap<string, Kept>): Generator<string> {
  const hash = createHash("sha256");
  for (const [image, { stamp, head, whole }] of known) {
    const line = `${JSON.stringify([image, stamp, cellOf(head), cellOf(whole)])}\n`;
    hash.update(line);
    yield line;
  }
  yield hash.digest("hex");
}

/** `<width>x<height> <fields in base64>`; `none` for an image without a sketch, empty for one that was not asked for. */
function cellOf(sketch: Sketch | null | undefined): string {
  if (sketch === undefined) return "";
  if (sketch === null) return "none";
  return `${sketch.width}x${sketch.height} ${Buffer.from(sketch.fields).toString("base64")}`;
}

function sketchFrom(cell: unknown): Sketch | null | undefined {
  if (cell === "none") return null;
  const found = /^(\d+)x(\d+) ([\w+/=]+)$/.exec(typeof cell === "string" ? cell : "");
  if (found === null) return undefined;
  const fields = Uint8Array.from(Buffer.from(found[3] ?? "", "base64"));
  return { width: Number(found[1]), height: Number(found[2]), fields };
}

function cellsOf(line: string): readonly unknown[] {
  try {
    const cells: unknown = parseJson(line);
    return Array.isArray(cells) ? cells : [];
  } catch {
    return [];
  }
}
