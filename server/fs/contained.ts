import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { errnoOf, Refusal } from "../errors.ts";

/** Whether `path` is `root` or below it, by spelling alone; both must be absolute. */
export function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * The real path of a file that may not exist yet: links of the longest existing part are resolved, the rest is kept.
 */
export async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "ENOTDIR") throw error;
    const parent = dirname(absolute);
    if (parent === absolute) return absolute;
    return resolve(await realPathOf(parent), relative(parent, absolute));
  }
}

/**
 * The real path of `path` after proof that it lies inside one of `roots`, links and `..` resolved on both sides.
 *
 * @throws Refusal `gate.path-outside-workspace` naming the value as given.
 */
export async function containedPath(roots: readonly string[], path: string, what: string): Promise<string> {
  if (path.includes("\0")) {
    throw new Refusal("gate.path-outside-workspace", `${what} holds a NUL byte.`, { what });
  }
  const real = await realPathOf(path);
  for (const root of roots) {
    if (isInside(await realPathOf(root), real)) return real;
  }
  throw new Refusal("gate.path-outside-workspace", `${what} lies outside the workspace.`, {
    what,
    path,
    resolved: real,
  });
}
