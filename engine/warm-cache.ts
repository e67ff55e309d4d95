import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Headway } from "./headway.ts";
import type { EngineIo } from "./io.ts";
import { openEmbeddingReader } from "./mining/embedding-reader.ts";
import { cacheEnv, cachePlace } from "./pair/cache-place.ts";
import type { CachePlace } from "./pair/feature-cache.ts";
import { openPairReader } from "./pair/pair-reader.ts";

/** Paths of a tested image and its golden image, which an embedding may do without. */
type ImagePaths = readonly [test: string, golden?: string | undefined];

/** What is computed of images and kept. */
const readers = {
  pairs(place: CachePlace) {
    const { read, knows, close } = openPairReader(place);
    return {
      read: ([test, golden = ""]: ImagePaths) => read(test, golden),
      knows: ([test, golden = ""]: ImagePaths) => knows(test, golden),
      close,
    };
  },
  embeddings(place: CachePlace) {
    const { read, knows, close } = openEmbeddingReader(place);
    return {
      read: ([image, golden]: ImagePaths) => read(image, golden),
      knows: ([image, golden]: ImagePaths) => knows(image, golden),
      close,
    };
  },
} as const;
type Kind = keyof typeof readers;

/** Fewer new images than this are done before a second process has started. */
const WORTH_SHARING = 150;

/**
 * Lends `use` a cache in which the features of images are, half of those that it lacked computed in a second process.
 * Pure saving of time: without a second core or the bin nothing happens, and an image that cannot be read is left to
 * whoever needs it, with the error that belongs there. Where no features are kept, these are forgotten after `use`.
 */
export async function withWarmCache<T>(
  kind: Kind,
  images: readonly ImagePaths[],
  kept: CachePlace | undefined,
  use: (place: CachePlace | undefined) => T | Promise<T>,
  headway: Headway = () => undefined,
): Promise<T> {
  const bin = process.argv[1] ?? "";
  const isAlone = availableParallelism() < 2 || !/deft-mcp(\.js)?$/.test(bin);
  if (images.length < WORTH_SHARING || isAlone) return await use(kept);
  const folder = mkdtempSync(join(tmpdir(), "deft-images-"));
  try {
    const place = kept ?? { directory: join(folder, "features"), key: randomBytes(32).toString("hex") };
    const missing = missingIn(kind, images, place);
    const told = (done: number) => headway(images.length - missing.length + done);
    if (missing.length >= WORTH_SHARING) await share(kind, missing, place, { bin, folder }, told);
    return await use(place);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function missingIn(kind: Kind, images: readonly ImagePaths[], place: CachePlace): ImagePaths[] {
  const reader = readers[kind](place);
  const missing = images.filter((paths) => unlessUnreadable(() => !reader.knows(paths)) ?? true);
  reader.close();
  return missing;
}

async function share(
  kind: Kind,
  images: readonly ImagePaths[],
  place: CachePlace,
  { bin, folder }: { bin: string; folder: string },
  headway: Headway,
): Promise<void> {
  const list = join(folder, "images.json");
  writeFileSync(list, JSON.stringify(images.filter((_, at) => at % 2 === 1)));
  const ended = new Promise((resolve) => {
    const env = { ...process.env, ...cacheEnv(place) };
    const other = spawn(process.execPath, [bin, "engine", "image_features", kind, list], { stdio: "ignore", env });
    other.on("exit", resolve);
    other.on("error", resolve);
  });
  const own = images.filter((_, at) => at % 2 === 0);
  // The other process is about as far.
  computeAll(kind, own, place, (done) => headway(2 * done));
  await ended;
}

/** `image_features KIND LIST`: the other half of `withWarmCache`; LIST is a JSON file of paths. */
export async function imageFeatures([kind = "", list = ""]: string[], io: EngineIo): Promise<number> {
  const place = cachePlace(io);
  if (place === undefined || !Object.hasOwn(readers, kind)) return 1;
  computeAll(kind as Kind, JSON.parse(readFileSync(list, "utf8")) as ImagePaths[], place);
  return 0;
}

function computeAll(
  kind: Kind,
  images: readonly ImagePaths[],
  place: CachePlace,
  headway: Headway = () => undefined,
): void {
  const reader = readers[kind](place);
  for (const [at, paths] of images.entries()) {
    headway(at);
    unlessUnreadable(() => reader.read(paths));
  }
  reader.close();
}

/** What a look at an image finds; an image that cannot be read is told of by the task that needs it. */
function unlessUnreadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
