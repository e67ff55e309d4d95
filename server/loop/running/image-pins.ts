import { setImmediate } from "node:timers/promises";
import { createImageIndex, type ImageIndex } from "../../data/image-index.ts";
import { placeCsv } from "../../data/leakage.ts";
import { digestFiles } from "../../data/process/image-batches.ts";
import { Refusal } from "../../errors.ts";
import { writeAtomic } from "../../fs/atomic.ts";
import { parseJson } from "../../fs/json.ts";
import { linesIn } from "../../fs/lines.ts";
import { readTextIfPresent } from "../../fs/read.ts";
import { stampOf } from "../../fs/stamp.ts";
import type { ImageLayout } from "../../run/images.ts";
import { runPaths } from "../../run/paths.ts";
import type { RunConfig, RunState } from "../../run/state.ts";
import { changedFacts } from "./pins.ts";

/** An image as it was when the run was created: path, what `stampOf` said, sha256 of its bytes. */
type Pinned = readonly [path: string, stamp: string, digest: string];

/** Stats between two pauses: the server goes on answering. */
const sliceSize = 500;

/**
 * Lists the images that the base rows show (training, validation, KPI and frozen test set, inspected and golden) with their digests in
 * one file of the run's inputs, which is then pinned itself. An image that is missing is for the row checks to name.
 *
 * @returns the path of the list.
 */
export async function writeImageDigests(runDir: string, config: RunConfig, layout: ImageLayout): Promise<string> {
  const index = createImageIndex();
  const paths = new Set<string>();
  const { training_csv, validation_csv, kpi_test_csv, holdout_csv } = config;
  for (const csv of [training_csv, validation_csv, kpi_test_csv, ...(holdout_csv === undefined ? [] : [holdout_csv])]) {
    const rows = await placeCsv({ csv, roots: [config.images_dir] }, layout, index);
    for (const images of [rows.input, rows.golden]) for (const image of images) paths.add(index.pathOf(image));
  }
  await index.probe();
  const present = [...paths].filter((path) => isThere(index, path));
  return await writeList(runDir, present);
}

/** Lists the images anew as they now lie there: a human accepted them. The list itself is the caller's to pin again. */
export async function acceptImages(runDir: string, state: RunState): Promise<void> {
  const pinned = await readList(runDir, state);
  if (pinned === undefined || (await changedImages(runDir, state)).length === 0) return;
  await writeList(
    runDir,
    pinned.map(([path]) => path).filter((path) => stampOf(path) !== "absent"),
  );
}

async function writeList(runDir: string, paths: readonly string[]): Promise<string> {
  const stamps = await stampsOf(paths);
  const digests = await digestFiles(paths);
  const list = runPaths(runDir).imageDigests;
  const pinned = paths.map((path, at): Pinned => [path, stamps[at] ?? "", digests[at] ?? ""]);
  await writeAtomic(list, pinned.map((one) => `${JSON.stringify(one)}\n`).join(""));
  return list;
}

/** Undefined for a run that has no list, or lost it: then it is a changed pin. */
async function readList(runDir: string, state: RunState): Promise<Pinned[] | undefined> {
  const list = runPaths(runDir).imageDigests;
  const text = state.pins[list] === undefined ? undefined : await readTextIfPresent(list);
  if (text === undefined) return undefined;
  return Array.from(linesIn(text), ([line]) => parseJson(line) as Pinned);
}

/**
 * Images of the base rows that no longer are what they were when the run was created. A file that nobody touched costs
 * one stat; one that was touched is read again, and the same bytes are no change. Runs of older versions have no list.
 */
export async function changedImages(
  runDir: string,
  state: RunState,
): Promise<{ path: string; now: string | undefined }[]> {
  const pinned = (await readList(runDir, state)) ?? [];
  const stamps = await stampsOf(pinned.map(([path]) => path));
  const touched = pinned.filter(([, stamp], at) => stamps[at] !== stamp);
  const gone = touched.filter(([path]) => stampOf(path) === "absent");
  const there = touched.filter((one) => !gone.includes(one));
  const digests = await digestFiles(there.map(([path]) => path));
  const now = there.map(([path, , digest], at) => ({ path, digest, now: digests[at] }));
  const other = now.filter((one) => one.now !== one.digest);
  return [...gone.map(([path]) => ({ path, now: undefined })), ...other.map(({ path, now }) => ({ path, now }))];
}

/** Proves that the images of the base rows still are what they were. @throws Refusal `state.tampered` naming them. */
export async function assertImagesHold(runDir: string, state: RunState): Promise<void> {
  const changed = await changedImages(runDir, state);
  if (changed.length === 0) return;
  const message = "Images of the training, validation or KPI rows were exchanged.";
  throw new Refusal("state.tampered", message, changedFacts(changed));
}

function isThere(index: ImageIndex, path: string): boolean {
  const slash = path.lastIndexOf("/");
  const state = index.stateOf(index.numberOf(path.slice(0, slash), path.slice(slash + 1)));
  return state === "ok" || state === "bad";
}

async function stampsOf(paths: readonly string[]): Promise<string[]> {
  const stamps: string[] = [];
  for (const path of paths) {
    stamps.push(stampOf(path));
    if (stamps.length % sliceSize === 0) await setImmediate();
  }
  return stamps;
}
