import { Refusal } from "../../errors.ts";
import { WorkFailed } from "../../exec/second-process.ts";
import { countUp } from "../headway.ts";
import { keptOfFiles, type SeenFiles } from "../kept-files.ts";
import { keepNoAnswer } from "../kept-images.ts";
import { pausing } from "../pause.ts";
import type { Depth, Sketch } from "../sketch.ts";
import { type Fingerprint, packed, windows } from "../twins/fingerprint.ts";
import { best, type Candidate, portionSize, type Search } from "../twins/search.ts";
import { candidatesOfNew, type NewSearch } from "../twins/search-new.ts";
import type { Compared, Comparison } from "./image-work.ts";
import { askOutside, laneCount } from "./lanes.ts";
import type { Request } from "./main.ts";
import type { PairFiles, PairLikeness } from "./pair-work.ts";
import type { TwinFiles } from "./twin-work.ts";

/** Images of one request: enough to be worth its cost, few enough to end soon when cancelled. */
const batchSize = 64;
const batchMs = 30_000;
/** New images that are looked for here. */
const mostHere = 16;
/** An image that alone takes longer, or kills its process, counts as one that cannot be decoded. */
const oneMs = 10_000;

/**
 * Sketches images in second processes, several at a time. One that cannot be decoded has none.
 *
 * @throws Refusal `input.unreadable-file`.
 */
export function sketchImages(files: SeenFiles, depth: Depth, signal?: AbortSignal) {
  return keptOfFiles<Sketch>(`sketch ${depth}`, files, (some) => {
    const paths = some.map(files.index.pathOf);
    return inBatches<string, Sketch>(paths, (items) => ({ kind: "sketches", items, depth }), signal);
  });
}

/** Compares images with held-out ones pixel by pixel. @throws Refusal `input.unreadable-file`. */
export function compareImages(pairs: readonly Comparison[], signal?: AbortSignal) {
  return inBatches<Comparison, Compared>(pairs, (items) => ({ kind: "compared", items }), signal);
}

/** Compares the images of pairs, coarsely and for sameness. @throws Refusal `input.unreadable-file`. */
export function comparePairs(pairs: readonly PairFiles[], signal?: AbortSignal) {
  return inBatches<PairFiles, PairLikeness>(pairs, (items) => ({ kind: "pairs", items }), signal);
}

/** Takes the fingerprints of images, of all windows or the whole alone. @throws Refusal `input.unreadable-file`. */
export function fingerprintImages(files: SeenFiles, part: "windows" | "whole", signal?: AbortSignal) {
  const windowCount = part === "whole" ? 1 : windows.length;
  return keptOfFiles<Fingerprint>(part === "whole" ? "whole fingerprint" : "fingerprint", files, (some) => {
    const paths = some.map(files.index.pathOf);
    return inBatches<string, Fingerprint>(paths, (items) => ({ kind: "fingerprints", items, windowCount }), signal);
  });
}

/** Finds fingerprints that are alike; every lane is sent all of them and looks for its share. */
export async function searchTwins({ prints, ...others }: Omit<Search, "from" | "to">, signal?: AbortSignal) {
  const all = packed(prints);
  const found = await candidatesBy(
    prints.length,
    (from, to) => ({ kind: "twin candidates", prints: all, from, to, ...others }),
    signal,
  );
  return found.sort((a, b) => a.of - b.of);
}

/**
 * Finds fingerprints that are alike to a new one, or one that is to them. A few are looked for here, between pauses: to send
 * all fingerprints elsewhere takes longer.
 *
 * @param fresh the numbers of the new ones: every lane is sent all of these, and of all fingerprints its share
 */
export async function searchNewTwins(
  { prints, places, withGolden }: Omit<Search, "from" | "to">,
  fresh: readonly number[],
  signal?: AbortSignal,
) {
  const share = (from: number, to: number): NewSearch => {
    const some = <Of>(all: readonly Of[]): Of[] => [...fresh.map((at) => all[at] as Of), ...all.slice(from, to)];
    const numbers = Int32Array.from(some([...prints.keys()]));
    return { prints: some(prints), numbers, fresh: fresh.length, places: places && some(places), withGolden };
  };
  const askOf = (from: number, to: number): Request => {
    const some = share(from, to);
    return { kind: "new twin candidates", ...some, prints: packed(some.prints) };
  };
  const count = prints.length;
  const found =
    fresh.length <= mostHere
      ? await foundHere(share(0, count), count, signal)
      : await candidatesBy(count, askOf, signal);
  const byImage = new Map<number, Candidate[]>();
  for (const one of found) byImage.set(one.of, [...(byImage.get(one.of) ?? []), one]);
  // Each lane has its own best of a new image.
  return [...byImage.values()].flatMap(best).sort((a, b) => a.of - b.of);
}

async function foundHere(search: NewSearch, count: number, signal?: AbortSignal): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const take = taking(found, count, countUp(searched, count));
  const pause = pausing(1);
  for (const part of candidatesOfNew(search)) {
    take(part);
    if (pause.isDue()) await pause.rest(signal);
  }
  return found;
}

async function candidatesBy(count: number, askOf: (from: number, to: number) => Request, signal?: AbortSignal) {
  const found: Candidate[] = [];
  if (count < 2) return found;
  const share = Math.ceil(count / laneCount);
  const tell = countUp(searched, count);
  const lanes = Array.from({ length: laneCount }, async (_, lane) => {
    const [from, to] = [lane, lane + 1].map((end) => Math.min(count, end * share)) as [number, number];
    const take = taking(found, to - from, tell);
    await askOutside(askOf(from, to), { limitMs: batchMs, signal, onPart: (part) => take(part as Candidate[]) });
  });
  await Promise.all(lanes);
  return found;
}

const searched = "images searched for copies";

/** Gathers the portions of an answer on `count` images, and tells of each. */
function taking(found: Candidate[], count: number, tell: (more: number) => void) {
  let left = count;
  return (part: readonly Candidate[]): void => {
    found.push(...part);
    const done = Math.min(left, portionSize);
    left -= done;
    tell(done);
  };
}

/** Compares images that may be copies. @throws Refusal `input.unreadable-file`. */
export function compareTwins(pairs: readonly TwinFiles[], signal?: AbortSignal) {
  return inBatches<TwinFiles, number>(pairs, (items) => ({ kind: "twins", items }), signal);
}

/** sha256 of the bytes of images, kept. @throws Refusal `input.unreadable-file`. */
export async function digestImages(files: SeenFiles, signal?: AbortSignal): Promise<string[]> {
  const made = (some: readonly number[]) => digestFiles(some.map(files.index.pathOf), signal);
  return (await keptOfFiles<string>("digest", files, made)) as string[];
}

/** sha256 of the bytes of files. @throws Refusal `input.unreadable-file`. */
export async function digestFiles(paths: readonly string[], signal?: AbortSignal): Promise<string[]> {
  const found = await inBatches<string, string>(paths, (items) => ({ kind: "digests", items }), signal);
  return found.map((digest, at) => {
    if (digest !== undefined) return digest;
    throw new Refusal("input.unreadable-file", `Cannot read ${paths[at]} in time.`, { path: paths[at] ?? "" });
  });
}

/** What a person is told that is counted. */
const counted: Readonly<Record<string, string>> = {
  digests: "files hashed",
  sketches: "images sketched",
  fingerprints: "images fingerprinted",
};

type Ask<Item> = (items: readonly Item[]) => Request;

async function inBatches<Item, Found>(items: readonly Item[], ask: Ask<Item>, signal?: AbortSignal) {
  const found = new Array<Found | undefined>(items.length);
  const starts = Array.from({ length: Math.ceil(items.length / batchSize) }, (_, at) => at * batchSize);
  const tell = countUp(counted[ask([]).kind] ?? "pairs compared", items.length);
  await Promise.all(
    starts.map(async (from) => {
      const batch = items.slice(from, from + batchSize);
      const some =
        (await asked<Found>(ask(batch), batchMs, signal)) ?? (await oneByOne<Item, Found>(batch, ask, signal));
      for (const [at, one] of some.entries()) found[from + at] = one;
      tell(batch.length);
    }),
  );
  return found;
}

async function oneByOne<Item, Found>(items: readonly Item[], ask: Ask<Item>, signal?: AbortSignal) {
  const found: (Found | undefined)[] = [];
  for (const item of items) {
    const answer = await asked<Found>(ask([item]), oneMs, signal);
    if (answer === undefined) keepNoAnswer();
    found.push(answer?.[0]);
  }
  return found;
}

/** The answer, or undefined when the process did not live to give one. */
async function asked<Found>(request: Request, limitMs: number, signal?: AbortSignal) {
  try {
    const [found] = await askOutside(request, { limitMs, signal });
    return found as (Found | undefined)[];
  } catch (error) {
    if (!(error instanceof WorkFailed)) throw error;
    if (error.refused) throw new Refusal(error.refused.code, error.message, error.refused.facts, { cause: error });
    return undefined;
  }
}
