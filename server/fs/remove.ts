import { rm, unlink } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
import { changing, writeFailure } from "./write-failure.ts";

/** Removes a file; one that is already gone is fine. @throws Refusal `input.write-failed`. */
export async function removeIfPresent(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw writeFailure(path, error);
  }
}

/** Removes a directory with all it holds; one already gone is fine. @throws Refusal `input.write-failed`. */
export async function removeTree(path: string): Promise<void> {
  await changing(path, () => rm(path, { recursive: true, force: true }));
}
