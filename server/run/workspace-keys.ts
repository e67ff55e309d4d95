import { join } from "node:path";
import { readTextIfPresent } from "../fs/read.ts";
import type { Env } from "./env.ts";

/** What a workspace's `.env` may give; every other name in it is somebody else's business and is not looked at. */
export const workspaceKeys = ["HF_TOKEN", "NGC_KEY"] as const;

/**
 * The environment with the keys that the workspace's `.env` holds; one that the environment has wins.
 *
 * For whoever hands a key on at once, by name. Nothing of it is kept, printed or recorded.
 */
export async function withWorkspaceKeys<T extends Env>(env: T, workspace: string): Promise<T> {
  const absent = workspaceKeys.filter((name) => !env[name]);
  if (absent.length === 0) return env;
  const text = await readTextIfPresent(join(workspace, ".env"));
  if (text === undefined) return env;
  const found = absent.flatMap((name) => {
    const value = valueIn(text, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...env, ...Object.fromEntries(found) };
}

/** `NAME=value`, with `export` before it or quotes around the value, as shells and docker write it; the last one counts. */
function valueIn(text: string, name: string): string | undefined {
  const line = new RegExp(
    `^[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=[ \\t]*(?:"([^"\\n]*)"|'([^'\\n]*)'|([^\\s#]*))`,
    "gm",
  );
  const last = [...text.matchAll(line)].at(-1);
  return last?.[1] || last?.[2] || last?.[3] || undefined;
}
