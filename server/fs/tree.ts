import { chmod, mkdtemp, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Refusal } from "../errors.ts";
import { makeDirectory } from "./atomic.ts";
import { kindOf, listNames } from "./read.ts";
import { changing } from "./write-failure.ts";

/**
 * Creates a directory with all its content at once: `build` fills a hidden neighbour, which then takes the name.
 * When `build` fails nothing is left behind.
 *
 * @throws Refusal `input.workspace-exists` when `dir` holds anything or is not a directory.
 */
export async function createTree(dir: string, build: (root: string) => Promise<void>): Promise<void> {
  const kind = await refuseFilled(dir);
  await makeDirectory(dirname(dir));
  const root = await changing(dir, () => mkdtemp(join(dirname(dir), `.${basename(dir)}.`)));
  try {
    await build(root);
    await changing(dir, async () => {
      await chmod(root, 0o755);
      if (kind === "directory") await rmdir(dir);
      await rename(root, dir);
    });
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  }
}

/** What stands at a path where a directory can be created. @throws Refusal `input.workspace-exists` if it holds anything. */
export async function refuseFilled(dir: string): Promise<"directory" | "absent"> {
  const kind = await kindOf(dir);
  const names = kind === "directory" ? await listNames(dir) : [];
  if (names.length === 0 && (kind === "directory" || kind === "absent")) return kind;
  throw new Refusal("input.workspace-exists", `${dir} is not empty.`, { dir, names: names.slice(0, 5) });
}

/** Writes a file that must not exist yet; not forced to the disk. @throws Refusal `input.write-failed`. */
export async function writeNew(path: string, data: string | Uint8Array): Promise<void> {
  await changing(path, () => writeFile(path, data, { flag: "wx" }));
}
