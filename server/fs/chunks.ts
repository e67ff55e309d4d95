import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf, Refusal } from "../errors.ts";

const chunkBytes = 1 << 20;

/**
 * The content of a regular file in pieces of at most 1 MiB. Each piece is valid until the next one is asked for.
 *
 * A directory, a FIFO or a device is refused at once: opening never waits for a writer.
 *
 * @throws Refusal `input.unreadable-file` naming the errno or the kind.
 */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openRegular(path);
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
}

async function openRegular(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(path, error);
  }
  const found = await file.stat();
  if (found.isFile()) return file;
  await file.close();
  const kind = found.isDirectory() ? "a directory" : "not a regular file";
  throw new Refusal("input.unreadable-file", `Cannot read ${path}: it is ${kind}.`, { path, kind });
}

function unreadable(path: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  return new Refusal("input.unreadable-file", `Cannot read ${path}: ${errno}.`, { path, errno }, { cause: error });
}
