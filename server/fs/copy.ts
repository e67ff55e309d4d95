import { constants, copyFile, mkdir } from "node:fs/promises";
import { errnoOf, Refusal } from "../errors.ts";

/** Copies a file's content to a new path that must not exist. @throws Refusal `input.write-failed`. */
export async function copyNew(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new Refusal("input.write-failed", `Cannot copy to ${to}: ${errno}.`, { from, to, errno }, { cause: error });
  }
}

/** Creates a directory that must not exist yet; false when it does. Parents must exist. */
export async function makeNewDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") return false;
    if (errno === undefined) throw error;
    throw new Refusal("input.write-failed", `Cannot create ${path}: ${errno}.`, { path, errno }, { cause: error });
  }
}
