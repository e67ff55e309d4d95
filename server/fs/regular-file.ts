import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf, Refusal } from "../errors.ts";

/**
 * Opens a regular file for reading; `size` is its bytes at that moment. What is read through the handle is what was
 * looked at: nobody exchanges it between the check and the use, and a FIFO or a device holds no reader up.
 *
 * @throws Refusal `input.unreadable-file` naming the errno or the kind.
 */
export async function openRegular(path: string): Promise<{ readonly file: FileHandle; readonly size: number }> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await file.stat();
    if (found.isFile()) return { file, size: found.size };
    const facts = found.isDirectory() ? { kind: "a directory", errno: "EISDIR" } : { kind: "not a regular file" };
    throw new Refusal("input.unreadable-file", `Cannot read ${path}: it is ${facts.kind}.`, { path, ...facts });
  } catch (error) {
    await file?.close();
    throw unreadable(path, error);
  }
}

/** The refusal that a failed read is; what is no system error comes back as it was. */
export function unreadable(path: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  return new Refusal("input.unreadable-file", `Cannot read ${path}: ${errno}.`, { path, errno }, { cause: error });
}

/** The refusal of a file that is larger than anything that its readers expect. */
export function tooLarge(path: string, size_bytes: number, limit_bytes: number): Refusal {
  const facts = { path, size_bytes, limit_bytes };
  return new Refusal("input.unreadable-file", `Cannot read ${path}: it is too large.`, facts);
}
