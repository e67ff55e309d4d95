import { setImmediate } from "node:timers/promises";
import { createImageIndex, type ImageIndex, seenFiles } from "../../data/image-index.ts";
import { placeCsv } from "../../data/leakage.ts";
import { createNumberSet, type NumberColumn } from "../../data/number-list.ts";
import { digestFiles, digestImages } from "../../data/process/image-batches.ts";
import { Refusal } from "../../errors.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { parseJson } from "../../fs/json.ts";
import { linesOfFile } from "../../fs/lines.ts";
import { kindOf } from "../../fs/read.ts";
import { stampOf } from "../../fs/stamp.ts";
import type { ImageLayout } from "../../run/images.ts";
import { runPaths } from "../../run/paths.ts";
import type { RunConfig, RunState } from "../../run/state.ts";
import { changedFacts } from "./pins.ts";

/** An image as it was when the run was created: path, what `stampOf` said, sha256 of its bytes. */
type Pinned = readonly [path: string, stamp: string, digest: string];

/** Images of one portion: neither all paths nor the whole list are ever in memory. */
const portionSize = 1 << 14;
/** Stats between two pauses: the server goes on answering. */
const sliceSize = 500;

/**
 * Lists the images that the base rows show (training, validation, KPI and frozen test set, inspected and golden) with their digests in
 * one file of the run's inputs, which is then pinned itself. An image that is missing is for the row checks to name.
 * Memory: that of the columns, and 8 bytes an image.
 *
 * @returns the path of the list.
 */
export async function writeImageDigests(runDir: string, config: RunConfig, layout: ImageLayout): Promise<string> {
  const index = createImageIndex();
  const { training_csv, validation_csv, kpi_test_csv, holdout_csv } = config;
  const shown: NumberColumn[] = [];
  for (const csv of [training_csv, validation_csv, kpi_test_csv, ...(holdout_csv === undefined ? [] : [holdout_csv])]) {
    const { input, golden } = await placeCsv({ csv, roots: [config.images_dir] }, layout, index);
    shown.push(input, golden);
  }
  await index.probe();
  return await writeList(runDir, inPortions(presentImages(shown, index)));
}

function* presentImages(shown: readonly NumberColumn[], index: ImageIndex): Generator<string> {
  const seen = createNumberSet(index.size());
  for (const images of shown) {
    for (const image of images) {
      if (!seen.add(image)) continue;
      const state = index.stateOf(image);
      if (state === "ok" || state === "bad") yield index.pathOf(image);
    }
  }
}

function* inPortions(paths: Iterable<string>): Generator<string[]> {
  let portion: string[] = [];
  for (const path of paths) {
    if (portion.push(path) < portionSize) continue;
    yield portion;
    portion = [];
  }
  yield portion;
}

/** Lists the images anew as they now lie there: a human accepted them. The list itself is the caller's to pin again. */
export async function acceptImages(runDir: string, state: RunState): Promise<void> {
  if ((await changedImages(runDir, state)).length === 0) return;
  await writeList(runDir, stillThere(runDir, state));
}

async function* stillThere(runDir: string, state: RunState): AsyncGenerator<string[]> {
  for await (const pinned of listed(runDir, state)) {
    yield pinned.map(([path]) => path).filter((path) => stampOf(path) !== "absent");
  }
}

async function writeList(runDir: string, portions: Iterable<string[]> | AsyncIterable<string[]>): Promise<string> {
  const list = runPaths(runDir).imageDigests;
  await writeAtomic(list, listText(portions));
  return list;
}

async function* listText(portions: Iterable<string[]> | AsyncIterable<string[]>): AsyncGenerator<string> {
  for await (const paths of portions) {
    const stamps = await stampsOf(paths);
    // Looked at after their stamps were taken: what is known of the bytes counts for files that nobody touched since.
    const digests = await digestImages(await seenFiles(paths));
    const pinned = paths.map((path, at): Pinned => [path, stamps[at] ?? "", digests[at] ?? ""]);
    yield pinned.map((one) => `${JSON.stringify(one)}\n`).join("");
  }
}

/** The list by portions; none of a run that has no list, or lost it: then it is a changed pin. */
async function* listed(runDir: string, state: RunState): AsyncGenerator<Pinned[]> {
  const list = runPaths(runDir).imageDigests;
  if (state.pins[list] === undefined || (await kindOf(list)) === "absent") return;
  for await (const lines of linesOfFile(list)) yield lines.map((line) => parseJson(line) as Pinned);
}

/**
 * Images of the base rows that no longer are what they were when the run was created. A file that nobody touched costs
 * one stat; one that was touched is read again, and the same bytes are no change. Runs of older versions have no list.
 */
export async function changedImages(
  runDir: string,
  state: RunState,
): Promise<{ path: string; now: string | undefined }[]> {
  const gone: { path: string; now: undefined }[] = [];
  const other: { path: string; now: string | undefined }[] = [];
  for await (const pinned of listed(runDir, state)) {
    const stamps = await stampsOf(pinned.map(([path]) => path));
    const there: Pinned[] = [];
    for (const [at, one] of pinned.entries()) {
      if (stamps[at] === "absent") gone.push({ path: one[0], now: undefined });
      else if (stamps[at] !== one[1]) there.push(one);
    }
    const digests = await digestFiles(there.map(([path]) => path));
    for (const [at, [path, , digest]] of there.entries()) {
      if (digests[at] !== digest) other.push({ path, now: digests[at] });
    }
  }
  return [...gone, ...other];
}

/** Proves that the images of the base rows still are what they were. @throws Refusal `state.tampered` naming them. */
export async function assertImagesHold(runDir: string, state: RunState): Promise<void> {
  const changed = await changedImages(runDir, state);
  if (changed.length === 0) return;
  const message = "Images of the training, validation or KPI rows were exchanged.";
  throw new Refusal("state.tampered", message, changedFacts(changed));
}

async function stampsOf(paths: readonly string[]): Promise<string[]> {
  const stamps: string[] = [];
  for (const path of paths) {
    stamps.push(stampOf(path));
    if (stamps.length % sliceSize === 0) await setImmediate();
  }
  return stamps;
}
