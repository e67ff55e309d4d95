import { access, constants, readdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, Refusal } from "../errors.ts";
import { limits } from "./limits.ts";
import { openRegular, tooLarge, unreadable } from "./regular-file.ts";

/** Reads a UTF-8 file whole. @throws Refusal `input.unreadable-file`, also for what is no regular file or too large. */
export async function readText(path: string, limit: number = limits.text_bytes): Promise<string> {
  return (await readBytes(path, limit)).toString("utf8");
}

/** Reads a file whole as bytes. @throws Refusal `input.unreadable-file`. */
export async function readBytes(path: string, limit: number = limits.image_bytes): Promise<Buffer> {
  const { file, size } = await openRegular(path);
  try {
    if (size > limit) throw tooLarge(path, size, limit);
    return await file.readFile();
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
}

/** Like `readText`, but a file that does not exist is `undefined`. */
export async function readTextIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (error instanceof Refusal && error.facts.errno === "ENOENT") return undefined;
    throw error;
  }
}

/** Errors that prove that nothing can be reached under a name. Without permission something may well stand there. */
const nothingThere = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/**
 * What stands at a path: symbolic links are followed; a dangling link is `absent`.
 *
 * @throws Refusal `input.unreadable-file` where the system does not let us look.
 */
export async function kindOf(path: string): Promise<"file" | "directory" | "other" | "absent"> {
  try {
    const found = await stat(path);
    return found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
  } catch (error) {
    const errno = errnoOf(error);
    // A name with a NUL byte is no system error: nothing has such a name.
    if (errno === undefined || nothingThere.has(errno)) return "absent";
    throw unreadable(path, error);
  }
}

/** Whether this user may execute a file. */
export async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Size in bytes and modification time in epoch milliseconds, or undefined when the path does not exist. */
export async function fileFacts(
  path: string,
): Promise<{ size_bytes: number; mtime_ms: number; ctime_ms: number; ino: number } | undefined> {
  try {
    const found = await stat(path);
    return { size_bytes: found.size, mtime_ms: found.mtimeMs, ctime_ms: found.ctimeMs, ino: found.ino };
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw unreadable(path, error);
  }
}

/**
 * Whether files can be created in a directory or, where it does not exist yet, whether it could be created. Asks the
 * system and writes nothing.
 */
export async function writableDirectory(path: string): Promise<{ ok: true } | { ok: false; errno: string }> {
  try {
    if ((await stat(path)).isDirectory()) await access(path, constants.W_OK | constants.X_OK);
    else return { ok: false, errno: "ENOTDIR" };
    return { ok: true };
  } catch (error) {
    const errno = errnoOf(error) ?? "unknown";
    const parent = dirname(path);
    return errno === "ENOENT" && parent !== path ? writableDirectory(parent) : { ok: false, errno };
  }
}

/** Bytes that this user may still write on the file system of a path; undefined when the path cannot be looked at. */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** Names in a directory, sorted; an absent directory has none. */
export async function listNames(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw unreadable(path, error);
  }
}

/** Absolute paths of the entries of a directory whose names match, sorted by name. */
export async function listPaths(path: string, pattern: RegExp): Promise<string[]> {
  return (await listNames(path)).filter((name) => pattern.test(name)).map((name) => join(path, name));
}

/** The last `limit` bytes of a file as text; cost does not depend on its length. Absent file: empty. */
export async function readTail(path: string, limit: number): Promise<string> {
  try {
    const { file, size } = await openRegular(path);
    try {
      const length = Math.min(size, limit);
      const buffer = Buffer.alloc(length);
      await file.read(buffer, 0, length, size - length);
      return buffer.toString("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Refusal && error.facts.errno === "ENOENT") return "";
    throw unreadable(path, error);
  }
}
