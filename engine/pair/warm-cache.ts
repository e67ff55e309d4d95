import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Headway } from "../headway.ts";
import type { EngineIo } from "../io.ts";
import { cacheEnv, cachePlace } from "./cache-place.ts";
import type { CachePlace } from "./feature-cache.ts";
import { openPairReader } from "./pair-reader.ts";

/** Paths of a tested image and its golden image. */
export type PairPaths = readonly [test: string, golden: string];

/** Fewer new pairs than this are done before a second process has started. */
const WORTH_SHARING = 150;

/**
 * Lends `use` a cache in which the features of pairs are, half of those that it lacked computed in a second process.
 * Pure saving of time: without a second core or the bin nothing happens, and a pair that cannot be read is left to
 * whoever needs it, with the error that belongs there. Where no features are kept, these are forgotten after `use`.
 */
export async function withWarmCache<T>(
  pairs: readonly PairPaths[],
  kept: CachePlace | undefined,
  use: (place: CachePlace | undefined) => T | Promise<T>,
  headway: Headway = () => undefined,
): Promise<T> {
  const bin = process.argv[1] ?? "";
  if (pairs.length < WORTH_SHARING || availableParallelism() < 2 || !/deft-mcp(\.js)?$/.test(bin))
    return await use(kept);
  const folder = mkdtempSync(join(tmpdir(), "deft-pairs-"));
  try {
    const place = kept ?? { directory: join(folder, "features"), key: randomBytes(32).toString("hex") };
    await share(pairs, place, { bin, list: join(folder, "pairs.json") }, headway);
    return await use(place);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function share(
  pairs: readonly PairPaths[],
  place: CachePlace,
  { bin, list }: { bin: string; list: string },
  headway: Headway,
): Promise<void> {
  const reader = openPairReader(place);
  const missing = pairs.filter(([test, golden]) => !reader.knows(test, golden));
  reader.close();
  if (missing.length < WORTH_SHARING) return;
  writeFileSync(list, JSON.stringify(missing.filter((_, at) => at % 2 === 1)));
  const ended = new Promise((resolve) => {
    const env = { ...process.env, ...cacheEnv(place) };
    const other = spawn(process.execPath, [bin, "engine", "pair_features", list], { stdio: "ignore", env });
    other.on("exit", resolve);
    other.on("error", resolve);
  });
  computePairs(
    missing.filter((_, at) => at % 2 === 0),
    place,
    // The other process is about as far; what was cached counts as done.
    (done) => headway(pairs.length - missing.length + 2 * done),
  );
  await ended;
}

/** `pair_features LIST`: the other half of `withWarmCache`; LIST is a JSON file of pairs of paths. */
export async function pairFeatures([list = ""]: string[], io: EngineIo): Promise<number> {
  const place = cachePlace(io);
  if (place === undefined) return 1;
  computePairs(JSON.parse(readFileSync(list, "utf8")) as PairPaths[], place);
  return 0;
}

function computePairs(pairs: readonly PairPaths[], place: CachePlace, headway: Headway = () => undefined): void {
  const reader = openPairReader(place);
  for (const [at, [test, golden]] of pairs.entries()) {
    headway(at);
    try {
      reader.read(test, golden);
    } catch {
      // Told by the task that needs the pair.
    }
  }
  reader.close();
}
