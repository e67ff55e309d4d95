import { openRegular, unreadable } from "./regular-file.ts";

/** Size of the pieces that a file is read in: a large buffer for each small file is work for the collector. */
function pieceSize(fileBytes: number, most: number): number {
  return Math.min(most, Math.max(4096, fileBytes));
}

/**
 * The content of a regular file in pieces of at most 1 MiB, or of `most` bytes. Each is valid until the next one is asked for.
 *
 * A directory, a FIFO or a device is refused at once: opening never waits for a writer.
 *
 * @throws Refusal `input.unreadable-file` naming the errno or the kind.
 */
export async function* readChunks(path: string, most = 1 << 20): AsyncGenerator<Uint8Array, void, undefined> {
  const { file, size } = await openRegular(path);
  try {
    const buffer = Buffer.allocUnsafe(pieceSize(size, most));
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
}
