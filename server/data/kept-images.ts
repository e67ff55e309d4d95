import { AsyncLocalStorage } from "node:async_hooks";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDirectory } from "../fs/atomic.ts";
import { sha256 } from "../fs/hash.ts";
import { fileFacts, listPaths } from "../fs/read.ts";
import { removeIfPresent } from "../fs/remove.ts";
import { ownKey } from "../fs/secret.ts";
import { stampOf } from "../fs/stamp.ts";
import { type Env, userDir } from "../run/env.ts";
import { type KeptTable, loadTable, type TablePlace } from "./kept-table.ts";

/** Counts on when what is made of images changes: sketches, fingerprints, the search for copies and their grain, and how it is kept. */
const version = 11;
/** A workspace that nobody looked at for so long is looked at anew. */
const keptForMs = 30 * 24 * 3600 * 1000;
/** Digests, sketches and fingerprints of some million images. */
const mostImageBytes = 1 << 30;
const mostAnswerBytes = 64 << 20;

type Kept = "images" | "answers";
/** Each table is loaded when it is first asked for: an answer to the whole spares the look at every image. */
type Store = {
  table(kept: Kept): Promise<KeptTable>;
  save(): Promise<void>;
  /** Whether something was given up that may be done the next time. */
  doubtful: boolean;
};
const current = new AsyncLocalStorage<Store>();

/** Where what is made of images is kept, if anything is. */
export async function keptTable(): Promise<KeptTable | undefined> {
  return await current.getStore()?.table("images");
}

/** Whether an image was given up on: what rests on it is not to be kept. */
export function isDoubtful(): boolean {
  return current.getStore()?.doubtful === true;
}

/**
 * Does work on the images of a workspace with what earlier work of this user made of them: what was made of a file is kept
 * by its path, size, times and inode, and what was found of many by all of theirs, so that only new and changed files
 * are read, and of unchanged ones nothing is asked again. It lies outside the workspace,
 * sealed with a key of this user's: a file that this program did not write is none, and somebody who may write there
 * decides nothing about a leak. Where there is no home, nothing is kept.
 */
export async function withKeptImages<T>(
  { env, workspace }: { readonly env: Env; readonly workspace: string },
  work: () => Promise<T>,
): Promise<T> {
  const places = await placesOf(env, workspace);
  if (places === undefined || current.getStore() !== undefined) return await work();
  const store = storeAt(places);
  try {
    return await current.run(store, work);
  } finally {
    await store.save();
  }
}

function storeAt(places: Readonly<Record<Kept, TablePlace>>): Store {
  const loaded = new Map<Kept, Promise<KeptTable>>();
  return {
    doubtful: false,
    table(kept) {
      const table = loaded.get(kept) ?? loadTable(places[kept]);
      loaded.set(kept, table);
      return table;
    },
    async save() {
      for (const table of loaded.values()) await (await table).save();
    },
  };
}

/**
 * What is known of a question, or what `make` answers now. The question holds all that the answer rests on: contents of
 * tables, paths, sizes, times and inodes of files. One that is undefined, because a file was written a moment ago, is
 * asked each time, and an answer of undefined is not kept. `holds` says whether a known answer still is one.
 */
export async function keptAnswer<Answer>(
  kind: string,
  question: string | undefined,
  make: () => Promise<Answer>,
  holds: (answer: Answer) => boolean = () => true,
): Promise<Answer> {
  const store = current.getStore();
  if (question === undefined || store === undefined) return await make();
  const table = await store.table("answers");
  const name = `${kind}\0${question}`;
  const known = table.get(name) as { readonly answer: Answer } | undefined;
  if (known !== undefined && holds(known.answer)) return known.answer;
  const answer = await make();
  if (answer !== undefined && !store.doubtful) table.set(name, { answer });
  return answer;
}

/**
 * What was found under a name the last time, of which `find` makes what is found now and kept for the next: it says
 * itself what of the old still holds.
 */
export async function keptFinding<Found>(
  name: string,
  find: (before: Found | undefined) => Promise<Found>,
): Promise<Found> {
  const store = current.getStore();
  const table = await store?.table("images");
  const before = table?.get(name) as Found | undefined;
  const found = await find(before);
  if (store?.doubtful === false && found !== before) table?.set(name, found);
  return found;
}

/** Says that an image was given up on, as a busy machine may make it: no answer that rests on that is kept. */
export function keepNoAnswer(): void {
  const store = current.getStore();
  if (store !== undefined) store.doubtful = true;
}

async function placesOf(env: Env, workspace: string): Promise<Readonly<Record<Kept, TablePlace>> | undefined> {
  if (!env.XDG_CACHE_HOME && !env.HOME) return undefined;
  const directory = join(userDir(env, "cache"), "images");
  const path = join(directory, sha256(workspace).slice(0, 24));
  try {
    await makeDirectory(directory, 0o700);
    const own = await ownKey(join(userDir(env, "state"), "cache.key"));
    await forgetOld(directory);
    const place = (end: string, made: string | number, mostBytes: number): TablePlace => {
      return { path: path + end, key: sha256(`${own}\n${path}${end}\n${made}`), mostBytes };
    };
    return {
      images: place(".bin", version, mostImageBytes),
      // What an answer says is worded by this very build.
      answers: place(".answers", stampOf(fileURLToPath(import.meta.url)), mostAnswerBytes),
    };
  } catch {
    return undefined;
  }
}

async function forgetOld(directory: string): Promise<void> {
  for (const path of await listPaths(directory, /^[0-9a-f]{24}\.(?:bin|answers)$/)) {
    const facts = await fileFacts(path);
    if (facts !== undefined && facts.mtime_ms < Date.now() - keptForMs) await removeIfPresent(path);
  }
}
