import { mkdtemp, readdir, rename, rm, unlink } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { makeDirectory } from "./atomic.ts";
import { kindOf } from "./read.ts";
import { changing } from "./write-failure.ts";

/** Every regular file below a directory, relative with `/`, sorted; links are not followed, an absent one has none. */
export async function filesBelow(dir: string): Promise<string[]> {
  if ((await kindOf(dir)) !== "directory") return [];
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

/**
 * The first regular files below a directory, relative, at most `limit`: cost does not grow with the tree. A folder that
 * this user may not read has none to show.
 */
export async function firstFiles(dir: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  const waiting = [dir];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) found.push(relative(dir, path).split(sep).join("/"));
      if (found.length >= limit) return found;
    }
  }
  return found;
}

/**
 * Takes away everything below a directory that is neither file nor directory: what somebody else filled it with must not
 * lead out of it, nor hold a reader up.
 */
export async function keepPlainFiles(dir: string): Promise<void> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() && !entry.isDirectory()) await changing(path, () => unlink(path));
  }
}

/** Fills a hidden neighbour and lets it take the place of `dir`; when `build` fails, what stood there stays. */
export async function replaceFolder(dir: string, build: (fresh: string) => Promise<void>): Promise<void> {
  await withScratchFolder(dir, async (fresh) => {
    await build(fresh);
    await putInPlace(fresh, dir);
  });
}

/** Lets a finished folder, or a file, beside `dir` take its place. */
export async function putInPlace(fresh: string, dir: string): Promise<void> {
  await changing(dir, async () => {
    await rm(dir, { recursive: true, force: true });
    await rename(fresh, dir);
  });
}

/** Lends an empty folder beside `dir`; it is gone when `use` returns. */
export async function withScratchFolder<T>(dir: string, use: (scratch: string) => Promise<T>): Promise<T> {
  await makeDirectory(dirname(dir));
  const scratch = await changing(dir, () => mkdtemp(join(dirname(dir), `.${basename(dir)}.`)));
  try {
    return await use(scratch);
  } finally {
    await changing(scratch, () => rm(scratch, { recursive: true, force: true }));
  }
}
