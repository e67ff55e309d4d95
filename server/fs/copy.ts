import { constants, copyFile, mkdir } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
import { writeFailure } from "./write-failure.ts";

/** Copies a file's content to a new path that must not exist. @throws Refusal `input.write-failed`. */
export async function copyNew(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (error) {
    throw writeFailure(to, error, `Cannot copy ${from} to ${to}`);
  }
}

/** Creates a directory that must not exist yet; false when it does. Parents must exist. */
export async function makeNewDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw writeFailure(path, error);
  }
}
