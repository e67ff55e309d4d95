import { dirname, join } from "node:path";
import { z } from "zod";
import { makeDirectory, writeAtomic } from "../fs/atomic.ts";
import { readAsIfPresent } from "../fs/json.ts";
import { stampOf } from "../fs/stamp.ts";
import { type Env, userDir } from "../run/env.ts";

/** What is made of the files behind a key. */
export type Reading<T> = {
  /** Names the file that keeps it for the next process; another format of `T` takes another name. */
  readonly name: string;
  readonly shape: z.ZodType<T>;
  /** All files that a value rests on, by absolute path. */
  filesOf(key: string): readonly string[];
  /** Reads them; undefined where nothing is. */
  read(key: string): Promise<T | undefined>;
};

/** Reads what is behind keys, in their order; the environment tells where values are kept between processes. */
export type ReadAll<T> = (keys: readonly string[], env?: Env) => Promise<(T | undefined)[]>;

type Known<T> = Map<string, readonly [stamp: string, value: T]>;

/** Fewer are read again sooner than a file of them is. */
const many = 64;
const mostKept = 20_000;

/**
 * A reader that reads again only what was touched since: of thousands of runs few were. Every file of every key is looked
 * at in every call, and a value counts only while the stamps are those that its files had before they were read.
 */
export function readingOnce<T>(reading: Reading<T>): ReadAll<T> {
  const known: Known<T> = new Map();
  const loaded = new Set<string>();
  return async (keys, env) => {
    const stamped = keys.map((key) => ({
      key,
      stamp: reading
        .filesOf(key)
        .map((path) => stampOf(path))
        .join(" "),
    }));
    const touched = () => stamped.filter(({ key, stamp }) => known.get(key)?.[0] !== stamp);
    const path = env && join(userDir(env, "cache"), `${reading.name}.json`);
    if (path !== undefined && !loaded.has(path) && touched().length >= many) {
      loaded.add(path);
      for (const [key, one] of await load(path, reading)) if (!known.has(key)) known.set(key, one);
    }
    const fresh = touched();
    const read = new Map(await Promise.all(fresh.map(async ({ key }) => [key, await reading.read(key)] as const)));
    const values = keys.map((key) => (read.has(key) ? read.get(key) : known.get(key)?.[1]));
    for (const { key, stamp } of fresh) learn(known, key, stamp, read.get(key));
    if (path !== undefined && fresh.length >= many) await save(path, known);
    return values;
  };
}

function learn<T>(known: Known<T>, key: string, stamp: string, value: T | undefined): void {
  known.delete(key);
  if (value !== undefined) known.set(key, [stamp, value]);
  const [oldest] = known.keys();
  if (known.size > mostKept && oldest !== undefined) known.delete(oldest);
}

/** What an earlier process kept; nothing where that cannot be read. */
async function load<T>(path: string, { shape }: Reading<T>): Promise<[string, [string, T]][]> {
  const kept = z.array(z.tuple([z.string(), z.tuple([z.string(), shape])]));
  return (await readAsIfPresent(path, kept).catch(() => undefined)) ?? [];
}

async function save<T>(path: string, known: Known<T>): Promise<void> {
  try {
    await makeDirectory(dirname(path), 0o700);
    await writeAtomic(path, JSON.stringify([...known]), 0o600);
  } catch {
    // The next process reads everything again.
  }
}
