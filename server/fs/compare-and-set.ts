import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { constants, link, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf, Refusal } from "../errors.ts";
import { syncDirectory } from "./atomic.ts";
import { changing, writeFailure } from "./write-failure.ts";

/** What a file system without hard links ends a link with. */
const linkless = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/**
 * Writes a file whole, under a name of its own beside its place: `<path>.<chance><ending>`. It is on the disk when this
 * returns; `linkNew` then gives it its name.
 *
 * @throws Refusal `input.write-failed`; nothing is left then.
 */
export async function writeBeside(path: string, text: string, ending: string): Promise<string> {
  const beside = `${path}.${randomBytes(6).toString("hex")}${ending}`;
  try {
    const file = await open(beside, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return beside;
  } catch (error) {
    await unlink(beside).catch(() => undefined);
    throw writeFailure(path, error);
  }
}

/**
 * Gives a file that is whole on the disk the name `path`, unless something has that name: of all who try, one wins.
 * Says whether this call did. A file that somebody took away meanwhile does not win.
 *
 * @throws Refusal `input.no-hard-links`; `input.write-failed`.
 */
export async function linkNew(file: string, path: string): Promise<boolean> {
  try {
    await link(file, path);
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (errno === "EEXIST" || errno === "ENOENT") return false;
    if (!linkless.has(errno)) throw writeFailure(path, error);
    throw new Refusal("input.no-hard-links", `No hard link can be made at ${path}: ${errno}.`, { path, errno });
  }
  await changing(path, () => syncDirectory(dirname(path)));
  return true;
}

/**
 * Creates a file that must not exist yet, whole or not at all: of many that try at once exactly one gets `true`, and
 * nobody ever sees it without its text.
 *
 * @throws Refusal `input.no-hard-links`; `input.write-failed`.
 */
export async function createNew(path: string, text: string): Promise<boolean> {
  const beside = await writeBeside(path, text, ".tmp");
  try {
    return await linkNew(beside, path);
  } finally {
    await unlink(beside).catch(() => undefined);
  }
}

/**
 * Writes bytes at their own place in a file and returns once they are on the disk. Whoever writes the same bytes at the
 * same place again changes nothing. `last` is asked once the file is open, and may still forbid it by throwing: a file
 * that is replaced after that is not the one written to. Says whether the place was free, or held these bytes or the
 * beginning of them; other bytes are left as they are.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function writeAt(path: string, offset: number, text: string, last: () => void): Promise<boolean> {
  const bytes = Buffer.from(text);
  return await changing(path, async () => {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT);
    try {
      last();
      const { size } = await file.stat();
      const there = Buffer.alloc(Math.max(0, Math.min(bytes.length, size - offset)));
      await file.read(there, 0, there.length, offset);
      if (size < offset || !there.equals(bytes.subarray(0, there.length))) return false;
      if (there.length < bytes.length) {
        await file.write(bytes, 0, bytes.length, offset);
        await file.sync();
      }
      return true;
    } finally {
      await file.close();
    }
  });
}

/**
 * Cuts a file off at `length` bytes where exactly `tail` follows them, and says whether it did. `last` as with `writeAt`.
 *
 * @throws Refusal `input.write-failed`.
 */
export async function cutTail(path: string, length: number, tail: string, last: () => void): Promise<boolean> {
  const bytes = Buffer.from(tail);
  return await changing(path, async () => {
    const file = await open(path, "r+");
    try {
      const there = Buffer.alloc(bytes.length + 1);
      const { bytesRead } = await file.read(there, 0, there.length, length);
      last();
      if (!bytes.equals(there.subarray(0, bytesRead))) return false;
      await file.truncate(length);
      await file.sync();
      return true;
    } finally {
      await file.close();
    }
  });
}

/** Names in a directory, asked in the very instant before a write; an absent one has none. */
export function namesNow(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
