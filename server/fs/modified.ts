import { utimes } from "node:fs/promises";
import { changing } from "./write-failure.ts";

/** Gives a file a modification time in epoch milliseconds. */
export async function setModified(path: string, mtime_ms: number): Promise<void> {
  await changing(path, () => utimes(path, mtime_ms / 1000, mtime_ms / 1000));
}
