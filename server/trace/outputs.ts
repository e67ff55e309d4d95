import { dirname, join } from "node:path";
import { excerpt, Refusal } from "../errors.ts";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { isInside } from "../fs/contained.ts";
import { filesBelow } from "../fs/folder.ts";
import { sha256OfFile } from "../fs/hash.ts";
import { setModified } from "../fs/modified.ts";
import { fileFacts } from "../fs/read.ts";
import type { Output } from "./format.ts";
import { imageFacts, standIn } from "./stand-in.ts";
import { hashOfStored, isKept, restoreFile, type StoredFile, storeFile } from "./stored-file.ts";

/** Below a run directory, what the server itself keeps there: no job writes it. */
const serversOwn = /^(?:\.[^/]+|jobs|inputs)(?:\/|$)|^[^/]+$/;

/** Time and size of every file of a run that a job could write, by its relative path. */
export type Snapshot = ReadonlyMap<string, string>;

export async function takeSnapshot(runDir: string): Promise<Snapshot> {
  const names = (await filesBelow(runDir)).filter((name) => !serversOwn.test(name));
  return new Map(await Promise.all(names.map(async (name) => [name, await stampOf(join(runDir, name))] as const)));
}

async function stampOf(path: string): Promise<string> {
  const facts = await fileFacts(path);
  return facts === undefined ? "absent" : `${facts.mtime_ms} ${facts.size_bytes} ${facts.ino}`;
}

/**
 * Finds what a job left: every file of the run that is not the server's own and is not as it was `before`, or, where
 * another process saw the job begin, not older than that moment. Content goes to `keep` before the output that names it
 * is returned.
 */
export async function collectOutputs(
  runDir: string,
  before: Snapshot | number,
  change: (text: string) => string,
  keep: (sha256: string, file: StoredFile) => void,
): Promise<Output[]> {
  const outputs: Output[] = [];
  for (const relative of await filesBelow(runDir)) {
    if (serversOwn.test(relative)) continue;
    const path = join(runDir, relative);
    const facts = await fileFacts(path);
    if (facts === undefined) continue;
    const isOld = typeof before === "number" ? facts.mtime_ms < before : before.get(relative) === (await stampOf(path));
    if (isOld) continue;
    const { size_bytes, mtime_ms } = facts;
    const base = {
      path: change(relative),
      sha256: await sha256OfFile(path),
      size_bytes,
      mtime_ms: Math.round(mtime_ms),
    };
    if (!isKept(relative, size_bytes)) {
      const image = await imageFacts(path);
      outputs.push(image === undefined ? base : { ...base, image });
      continue;
    }
    const file = await storeFile(path, change);
    const stored = hashOfStored(file);
    keep(stored, file);
    outputs.push({ ...base, stored });
  }
  return outputs;
}

/**
 * Puts a recorded output on the disk. A file beyond the cap is stood in for (`standIn`).
 *
 * @throws Refusal `trace.unusable` for a path outside the run, or content that cannot be read.
 */
export async function restoreOutput(
  runDir: string,
  output: Output,
  files: ReadonlyMap<string, StoredFile>,
  change: (text: string) => string,
): Promise<void> {
  const path = join(runDir, change(output.path));
  if (!isInside(runDir, path)) {
    throw new Refusal("trace.unusable", "A recorded file lies outside its run.", { path: excerpt(output.path) });
  }
  await makeDirectory(dirname(path));
  const file = output.stored === undefined ? undefined : files.get(output.stored);
  if (file !== undefined) await restoreFile(path, file, change);
  else await writeAtomic(path, standIn(output.sha256, output.image));
  await setModified(path, output.mtime_ms);
}
