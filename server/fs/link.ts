import { symlink } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
import { writeFailure } from "./write-failure.ts";

/** Makes `path` a symbolic link to an absolute target; a link or file that is there already stays. */
export async function linkTo(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw writeFailure(path, error);
  }
}
