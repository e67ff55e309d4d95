import { rm, unlink } from "node:fs/promises";
import { errnoOf } from "../errors.ts";

/** Removes a file; one that is already gone is fine. */
export async function removeIfPresent(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Removes a directory with all it holds; one that is already gone is fine. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
