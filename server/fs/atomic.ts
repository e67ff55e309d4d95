import { randomBytes } from "node:crypto";
import { mkdir, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { changing, writeFailure } from "./write-failure.ts";

/**
 * Replaces a file so that a crash at any instant leaves the old content or the new, never a part of either:
 * temporary file beside the target, fsync, rename, fsync of the directory. Pieces are written one after the other.
 * `last` is asked right before the rename, and may still forbid it by throwing.
 *
 * @throws Refusal `input.write-failed` when the disk is full, read-only or not writable; the target is untouched.
 */
export async function writeAtomic(
  path: string,
  data: string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  mode = 0o644,
  last: () => void = () => {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      const pieces = typeof data === "string" || ArrayBuffer.isView(data) ? [data] : data;
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    last();
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw writeFailure(path, error);
  }
}

/**
 * Adds pieces to the end of a file that need not be there, each in one write: several processes may do so at once, and what
 * a crash cuts is a piece at the end. Nothing is synced.
 *
 * @throws Refusal `input.write-failed`; a part of a piece may then be there.
 */
export async function append(path: string, pieces: Iterable<Uint8Array>, mode = 0o644): Promise<void> {
  await changing(path, async () => {
    const file = await open(path, "a", mode);
    try {
      for (const piece of pieces) {
        const { bytesWritten } = await file.write(piece);
        // The rest would stand behind what others wrote meanwhile.
        if (bytesWritten < piece.length) throw Object.assign(new Error("a part was written"), { code: "ENOSPC" });
      }
    } finally {
      await file.close();
    }
  });
}

/** Creates a directory with its parents; an existing one is fine. @throws Refusal `input.write-failed`. */
export async function makeDirectory(path: string, mode = 0o755): Promise<void> {
  await changing(path, () => mkdir(path, { recursive: true, mode }));
}

/** Makes renames in a directory durable. Windows cannot open directories, so it is left out there. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
