import { utimes } from "node:fs/promises";

/** Gives a file a modification time in epoch milliseconds. */
export async function setModified(path: string, mtime_ms: number): Promise<void> {
  await utimes(path, mtime_ms / 1000, mtime_ms / 1000);
}
