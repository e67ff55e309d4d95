import { link, symlink } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
import { copyNew } from "./copy.ts";
import { writeFailure } from "./write-failure.ts";

/** Makes `path` a symbolic link to an absolute target; a link or file that is there already stays. */
export async function linkTo(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw writeFailure(path, error);
  }
}

/** Lets a file stand at a new path too: the same file where the file system can, else a copy. */
export async function placeFile(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!["EXDEV", "EPERM", "EMLINK", "ENOTSUP"].includes(errnoOf(error) ?? "")) throw writeFailure(to, error);
    await copyNew(from, to);
  }
}
