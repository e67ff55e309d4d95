import { readlinkSync, realpathSync } from "node:fs";
import { readlink, realpath } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { errnoOf, excerpt, Refusal } from "../errors.ts";

/** Whether `path` is `root` or below it, by spelling alone; both must be absolute. */
export function isInside(root: string, path: string): boolean {
  // Most paths are spelled below the root: of thousands of rows each is asked.
  if (path.startsWith(`${root}/`) && !path.includes("..")) return true;
  const way = relative(root, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * The real path of a file that may not exist yet: links of the longest existing part are resolved, the rest is kept. A
 * link that leads to nothing yet is where a file would be created.
 *
 * @throws Refusal `gate.path-outside-workspace` for a loop of links or a name that is too long.
 */
export async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "ENOTDIR") throw unresolvable(absolute, error);
    const parent = dirname(absolute);
    if (parent === absolute) return absolute;
    const [real, target] = [await realPathOf(parent), await readlink(absolute).catch(() => undefined)];
    return target === undefined ? resolve(real, relative(parent, absolute)) : await realPathOf(resolve(real, target));
  }
}

/** The same for callers that cannot wait; undefined where nothing could be proved. */
export function realPathSync(path: string): string | undefined {
  const absolute = resolve(path);
  try {
    return realpathSync.native(absolute);
  } catch (error) {
    const errno = errnoOf(error);
    const parent = dirname(absolute);
    if ((errno !== "ENOENT" && errno !== "ENOTDIR") || parent === absolute) return undefined;
    const [real, target] = [realPathSync(parent), linkTarget(absolute)];
    if (real === undefined) return undefined;
    return target === undefined ? resolve(real, relative(parent, absolute)) : realPathSync(resolve(real, target));
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** A loop of links, a name that is too long or no permission: the path leads nowhere that could be proved. */
function unresolvable(path: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const facts = { path: excerpt(path, 300), errno };
  return new Refusal("gate.path-outside-workspace", `A path cannot be resolved: ${errno}.`, facts, { cause: error });
}

/**
 * The real path of `path` after proof that it lies inside one of `roots`, links and `..` resolved on both sides.
 *
 * @throws Refusal `gate.path-outside-workspace` naming the value as given.
 */
export async function containedPath(
  roots: readonly string[],
  path: string,
  what: string,
  options: { readonly rootsAreReal?: boolean } = {},
): Promise<string> {
  if (path.includes("\0")) {
    throw new Refusal("gate.path-outside-workspace", `${what} holds a NUL byte.`, { what });
  }
  const real = await realPathOf(path);
  for (const root of roots) {
    if (isInside(options.rootsAreReal ? root : await realPathOf(root), real)) return real;
  }
  throw new Refusal("gate.path-outside-workspace", `${what} lies outside the workspace.`, {
    what,
    path: excerpt(path, 300),
    resolved: excerpt(real, 300),
  });
}
