import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { lstat, open } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
import { limits } from "./limits.ts";
import { unreadable } from "./regular-file.ts";

/** The first bytes of a file, or why there are none. A link as the last part of the path is `link`, not followed. */
export type FileStart = number | "absent" | "link" | "unreadable";

const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * Reads up to `into.length` bytes from `position` and returns their count. On a warm cache it costs little more than a
 * stat, several times less than the same through promises; it blocks, so callers work in slices.
 */
export function readHeadSync(path: string, into: Uint8Array, position = 0): FileStart {
  let file: number;
  try {
    file = openSync(path, flags);
  } catch (error) {
    return faultOf(error);
  }
  try {
    return readSync(file, into, 0, into.length, position);
  } catch (error) {
    return faultOf(error);
  } finally {
    closeSync(file);
  }
}

/** Like `readHeadSync`, for file systems that answer slowly: several may wait at once. */
export async function readHead(path: string, into: Uint8Array, position = 0): Promise<FileStart> {
  try {
    const file = await open(path, flags);
    try {
      return (await file.read(into, 0, into.length, position)).bytesRead;
    } finally {
      await file.close();
    }
  } catch (error) {
    return faultOf(error);
  }
}

/** What a stat says, or why it says nothing. */
export type Look = Pick<Stats, "mode" | "dev" | "size" | "mtimeMs" | "ctimeMs" | "ino"> | "absent" | "unreadable";

/** A stat of what stands at a path, a link for itself. Blocks like `readHeadSync`, and costs half of it. */
export function lookAtSync(path: string): Look {
  try {
    return lstatSync(path);
  } catch (error) {
    return unseen(error);
  }
}

/** Like `lookAtSync`, for file systems that answer slowly. */
export async function lookAt(path: string): Promise<Look> {
  return await lstat(path).catch(unseen);
}

/**
 * Where a link in a real directory leads, not looked at: its last part may be a link again, or nothing. Undefined where it
 * is no link any more, or ends in no name (`..`, a slash).
 */
export function linkTarget(path: string, directory: string): string | undefined {
  try {
    const target = readlinkSync(path);
    const name = target.slice(target.lastIndexOf("/") + 1);
    if (name === "" || name === "." || name === "..") return undefined;
    return target.startsWith("/") ? target : `${directory}/${target}`;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

/** The real path of a directory or file, or undefined when it does not exist. */
export function realPathIfPresent(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function unseen(error: unknown): "absent" | "unreadable" {
  return faultOf(error) === "absent" ? "absent" : "unreadable";
}

function faultOf(error: unknown): Exclude<FileStart, number> {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  if (errno === "ENOENT" || errno === "ENOTDIR") return "absent";
  return errno === "ELOOP" ? "link" : "unreadable";
}

/**
 * Reads the first bytes of a file, or as much of it as an image may have, with its size. Blocks: for a process that does
 * nothing else, or between pauses.
 *
 * @throws Refusal `input.unreadable-file`.
 */
export function readFileStart(
  path: string,
  limit: number = limits.image_bytes,
): { readonly bytes: Uint8Array; readonly size_bytes: number } {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = fstatSync(file);
      const bytes = Buffer.allocUnsafe(Math.min(size, limit));
      let filled = 0;
      for (let more = 1; more > 0 && filled < bytes.length; filled += more) {
        more = readSync(file, bytes, filled, bytes.length - filled, filled);
      }
      return { bytes: bytes.subarray(0, filled), size_bytes: size };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Pieces of the function below, which does not yield: one buffer serves every file. */
const piece = Buffer.allocUnsafe(1 << 18);

/** Hex sha256 of a file, read in pieces. Blocks like `readFileStart`. @throws Refusal `input.unreadable-file`. */
export function sha256OfFileSync(path: string): string {
  const hash = createHash("sha256");
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (let read = 1; read > 0; ) {
        read = readSync(file, piece, 0, piece.length, null);
        hash.update(piece.subarray(0, read));
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  return hash.digest("hex");
}
