import { unlink } from "node:fs/promises";
import { errnoOf } from "../errors.ts";

/** Removes a file; one that is already gone is fine. */
export async function removeIfPresent(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
