import { join } from "node:path";
import { installationDigest } from "../../exec/installation.ts";
import { makeDirectory } from "../../fs/atomic.ts";
import { sha256 } from "../../fs/hash.ts";
import { fileFacts, listPaths } from "../../fs/read.ts";
import { removeTree } from "../../fs/remove.ts";
import { ownKey } from "../../fs/secret.ts";
import { type Env, userDir } from "../../run/env.ts";

/** A run that has not computed for so long makes its features anew. */
const keptForMs = 14 * 24 * 3600 * 1000;

/**
 * Variables that lend a job the features that earlier jobs of its run computed. They lie outside the workspace, one
 * folder a run and a program, sealed with a key of this user's: a file that this program did not write is none. Empty
 * where no folder can be made, and nothing is kept then.
 */
export async function cacheVariables(runDir: string, main: string, env: Env): Promise<Record<string, string>> {
  const base = join(userDir(env, "cache"), "features");
  const directory = join(base, sha256(`${await installationDigest(main)}\n${runDir}`).slice(0, 24));
  try {
    await makeDirectory(directory, 0o700);
    const key = await ownKey(join(userDir(env, "state"), "cache.key"));
    await forgetOld(base);
    return { DEFT_ENGINE_CACHE: directory, DEFT_ENGINE_CACHE_KEY: sha256(`${key}\n${directory}`) };
  } catch {
    return {};
  }
}

async function forgetOld(base: string): Promise<void> {
  for (const path of await listPaths(base, /^[0-9a-f]{24}$/)) {
    const facts = await fileFacts(path);
    if (facts !== undefined && facts.mtime_ms < Date.now() - keptForMs) await removeTree(path);
  }
}
