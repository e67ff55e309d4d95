import { AsyncLocalStorage } from "node:async_hooks";
import { createHmac, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { sha256 } from "../fs/hash.ts";
import { fileFacts, listPaths, readBytes } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";
import { ownKey } from "../fs/secret.ts";
import { stampOf, toldBy } from "../fs/stamp.ts";
import { type Env, userDir } from "../run/env.ts";

/** Counts on when what is made of an image changes: sketches, fingerprints, the search of twins. */
const version = 1;
const sealBytes = 32;
/** A workspace that nobody looked at for so long is looked at anew. */
const keptForMs = 30 * 24 * 3600 * 1000;
/** About 150 MB of digests, sketches and fingerprints; the ones that were asked for longest ago go first. */
const mostEntries = 600_000;
/** A file system's clock goes in steps of a few milliseconds. */
const clockTickMs = 50;
/** Stats between two pauses: the server goes on answering. */
const sliceSize = 500;

type Store = { readonly known: Map<string, unknown>; readonly used: Map<string, unknown>; added: boolean };
const current = new AsyncLocalStorage<Store>();

/**
 * Does work on the images of a workspace with what earlier work of this user made of them: each answer is kept by the
 * file's path, size, times and inode, so that only new and changed files are read. The answers lie outside the workspace,
 * sealed with a key of this user's: a file that this program did not write is none, and somebody who may write there
 * decides nothing about a leak. Where there is no home, nothing is kept.
 */
export async function withKeptImages<T>(
  { env, workspace }: { readonly env: Env; readonly workspace: string },
  work: () => Promise<T>,
): Promise<T> {
  const place = await placeOf(env, workspace);
  if (place === undefined || current.getStore() !== undefined) return await work();
  const store: Store = { known: await load(place), used: new Map(), added: false };
  try {
    return await current.run(store, work);
  } finally {
    if (store.added) await save(place, store);
  }
}

/**
 * What is known of each file, and what `make` says of the others. An answer of undefined is not kept, nor one of a file
 * that was written a moment ago: it may be written again with the same times.
 */
export async function keptOfFiles<Answer>(
  kind: string,
  paths: readonly string[],
  make: (paths: readonly string[]) => Promise<(Answer | undefined)[]>,
): Promise<(Answer | undefined)[]> {
  const store = current.getStore();
  if (store === undefined) return await make(paths);
  const names: (string | undefined)[] = [];
  for (const path of paths) {
    const stamp = stampOf(path);
    names.push(isSettled(stamp) ? `${kind}\0${path}\0${stamp}` : undefined);
    if (names.length % sliceSize === 0) await setImmediate();
  }
  return await keptByName(names, (wanted) => make(wanted.map((at) => paths[at] ?? "")));
}

/** Whether a file was last changed so long ago that another change would show in its times. */
export function isSettled(stamp: string): boolean {
  return Date.now() - toldBy(stamp).changed_ms > clockTickMs;
}

/** The same of things that a name tells whole; one without a name is made each time. */
export async function keptByName<Answer>(
  names: readonly (string | undefined)[],
  make: (wanted: readonly number[]) => Promise<(Answer | undefined)[]>,
): Promise<(Answer | undefined)[]> {
  const store = current.getStore();
  const found = names.map((name) => (name === undefined ? undefined : recalled<Answer>(store, name)));
  const wanted = found.flatMap((answer, at) => (answer === undefined ? [at] : []));
  const made = await make(wanted);
  for (const [place, at] of wanted.entries()) {
    const [name, answer] = [names[at], made[place]];
    found[at] = answer;
    if (store === undefined || name === undefined || answer === undefined) continue;
    store.used.set(name, answer);
    store.added = true;
  }
  return found;
}

function recalled<Answer>(store: Store | undefined, name: string): Answer | undefined {
  const answer = store?.used.get(name) ?? store?.known.get(name);
  if (answer !== undefined) store?.used.set(name, answer);
  return answer as Answer | undefined;
}

type Place = { readonly path: string; readonly key: string };

async function placeOf(env: Env, workspace: string): Promise<Place | undefined> {
  if (!env.XDG_CACHE_HOME && !env.HOME) return undefined;
  const directory = join(userDir(env, "cache"), "images");
  const path = join(directory, `${sha256(workspace).slice(0, 24)}.bin`);
  try {
    await makeDirectory(directory, 0o700);
    const key = await ownKey(join(userDir(env, "state"), "cache.key"));
    await forgetOld(directory);
    return { path, key: sha256(`${key}\n${path}\n${version}`) };
  } catch {
    return undefined;
  }
}

async function forgetOld(directory: string): Promise<void> {
  for (const path of await listPaths(directory, /^[0-9a-f]{24}\.bin$/)) {
    const facts = await fileFacts(path);
    if (facts !== undefined && facts.mtime_ms < Date.now() - keptForMs) await removeIfPresent(path);
  }
}

async function load({ path, key }: Place): Promise<Map<string, unknown>> {
  const bytes = await readBytes(path).catch(() => Buffer.alloc(0));
  const end = Math.max(0, bytes.length - sealBytes);
  const [payload, seal] = [bytes.subarray(0, end), bytes.subarray(end)];
  if (seal.length !== sealBytes || !timingSafeEqual(seal, sealOf(payload, key))) return new Map();
  return deserialize(payload) as Map<string, unknown>;
}

/** What was asked for now goes last, and stays longest. */
async function save({ path, key }: Place, { known, used }: Store): Promise<void> {
  for (const [name, answer] of used) {
    known.delete(name);
    known.set(name, answer);
  }
  for (const name of known.keys()) {
    if (known.size <= mostEntries) break;
    known.delete(name);
  }
  const payload = serialize(known);
  // A folder that takes no file costs the next call its time, and nothing else.
  await writeAtomic(path, Buffer.concat([payload, sealOf(payload, key)]), 0o600).catch(() => undefined);
}

function sealOf(payload: Uint8Array, key: string): Buffer {
  return createHmac("sha256", key).update(payload).digest();
}
